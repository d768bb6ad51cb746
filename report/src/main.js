// SPDX-License-Identifier: MIT
// The page: sections made from the runs that quire report put into it.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import * as chart from "./chart.js";
import * as format from "./format.js";
import { addMap } from "./map.js";

const runs = JSON.parse(document.getElementById("runs").textContent);
const run = runs[0];
const root = document.getElementById("page");
const redraws = [chart.redraw];

const escape = (s) => String(s).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const column = (r, key) => r.samples.map((s) => s[key]);
const seconds = (r) => r.samples.map((s) => s.ns / 1e9);
// What was added since the sample before.
const steps = (r, key, scale = 1) => r.samples.map((s, i) => (i ? (s[key] - r.samples[i - 1][key]) * scale : 0));
const seconds_between = (r) => r.samples.map((s, i) => (i ? (s.ns - r.samples[i - 1].ns) / 1e9 : 1));

function section(title, text) {
  const s = document.createElement("section");
  s.innerHTML = `<h2>${title}</h2>${text ? `<p class=soft>${text}</p>` : ""}`;
  root.append(s);
  return s;
}

function charts(parent, two) {
  const d = document.createElement("div");
  d.className = two ? "charts two" : "charts";
  parent.append(d);
  return d;
}

// ---- the sentence and the kills

function lead() {
  const n = run.kills.length, last = run.samples.at(-1);
  const stalled = format.duration(last.psi_memory_some_ns);
  const what = n ? `<span class=alarm>The OOM killer took ${n} process${n > 1 ? "es" : ""}</span>, the first, ${
    escape(run.kills[0].comm)}, at ${format.clock(run, run.kills[0].ns / 1e9, true)}` : "Nobody was killed";
  root.insertAdjacentHTML("beforeend", `<button id=theme type=button>dark / light</button><h1>${escape(run.name)}</h1>
    <p class=soft>${escape(run.description || "")}</p>
    <p class=lead>${what}; tasks waited ${stalled} in all for memory.</p>
    <p class=soft>${format.clock(run, 0)} to ${format.clock(run, last.ns / 1e9)} on ${run.nodes} node${run.nodes > 1 ? "s" : ""}, ${
      run.cpus} CPUs, ${format.bytes(run.memory)} of memory, ${format.bytes(run.swap)} of swap; seed ${run.seed}.</p>`);
}

function kills() {
  if (!run.kills.length) return;
  const s = section("Who was killed, and by what margin", "The killer takes the largest score: resident, swapped, page tables, and oom_score_adj in thousandths of all memory.");
  const rows = run.kills.map((k) => {
    const rival = k.runners_up.find((r) => r.comm !== k.comm) || k.runners_up[0];
    return `<tr><td>${format.clock(run, k.ns / 1e9, true)}</td><td>&#9654; ${escape(k.comm)} (${k.pid})${k.memcg ? ", its group's limit" : ""}</td>
      <td class=n>${format.bytes(k.anon + k.file + k.shmem)}</td><td class=n>${format.bytes(k.swap)}</td><td class=n>${k.oom_score_adj}</td>
      <td class=n>${format.count(k.points)}</td><td>${rival ? `${escape(rival.comm)} (${rival.pid})` : "-"}</td>
      <td class=n>${rival ? format.bytes((k.points - rival.points) * 4096) : "-"}</td><td>${escape(k.invoker)}</td></tr>`;
  });
  s.insertAdjacentHTML("beforeend", `<div class=scroll><table><tr><th>when</th><th>killed</th><th class=n>resident</th><th class=n>swapped</th>
    <th class=n>adj</th><th class=n>score, pages</th><th>next in line</th><th class=n>margin</th><th>who asked</th></tr>${rows.join("")}</table></div>`);
}

// ---- memory over time

const kinds = [
  ["shmem", "shared", "--shared", "falling"], ["anon", "anonymous", "--anon", "rising"], ["slab", "slab", "--slab", "grid"],
  ["rest", "tables, stacks, zswap", "--kernel", "level"], ["file", "page cache", "--cache", "dots"], ["free", "free", "--free", "plain"],
];

function stackOf(r) {
  return kinds.map(([key, label, colour, hatch]) => ({
    label, colour, hatch,
    data: r.samples.map((s) => (key === "rest" ? s.page_tables + s.kernel_stack + s.zswap_pool
      : key === "anon" ? s.anon : s[key])),
  }));
}

function memory() {
  const s = section("Memory over the night", "By kind, one on the other; triangles are kills. Drag to look closer, double-click to see all again.");
  const c = charts(s, false);
  const most = Math.max(...runs.map((r) => r.memory));
  for (const r of runs)
    chart.add(c, r, { title: runs.length > 1 ? r.label || r.name : "", label: "memory by kind", x: seconds(r), stack: stackOf(r), height: 320, most });
  chart.add(charts(s, false), run, {
    title: "Free memory and the watermarks of all zones (logarithmic)", log: true, x: seconds(run),
    lines: [{ label: "free", data: column(run, "free"), colour: "--ink", dash: [] },
      { label: "high", data: column(run, "mark_high"), colour: "--c4", dash: [2, 3] },
      { label: "low", data: column(run, "mark_low"), colour: "--c3", dash: [8, 4] },
      { label: "min", data: column(run, "mark_min"), colour: "--c1", dash: [10, 3, 2, 3] },
      ...others("free", (r) => column(r, "free")).map((line, i) => ({ ...line, dash: chart.dashes[(4 + i) % chart.dashes.length] }))],
  });
}

function holders() {
  const s = section("Who holds it", "Resident memory by name, what is shared counted for each.");
  const peak = new Map();
  for (const sample of run.samples) for (const h of sample.holders) peak.set(h.comm, Math.max(peak.get(h.comm) || 0, h.rss));
  const names = [...peak].sort((a, b) => b[1] - a[1]).slice(0, 8).map((e) => e[0]);
  chart.add(charts(s, false), run, { label: "resident memory by name", x: seconds(run), lines: names.map((n, i) => ({
    label: n, colour: `--c${i}`, data: run.samples.map((x) => (x.holders.find((h) => h.comm === n) || { rss: null }).rss) })) });
}

// The other nights beside this one: a line each, as long as this one's.
function others(label, of, colours = ["--c4", "--c5", "--c7", "--c3"]) {
  return runs.slice(1).map((r, i) => {
    const data = of(r);
    return { label: `${label}, ${r.label || r.name}`, colour: colours[i % colours.length], width: 1.2,
      data: seconds(run).map((_, k) => (k < data.length ? data[k] : null)) };
  });
}

function rates(r, key, scale) {
  const dt = seconds_between(r);
  return steps(r, key, scale).map((v, i) => v / dt[i]);
}

function pressure() {
  const s = section("Pressure", "Part of the time in which some task, or all of them, waited for memory or for I/O.");
  const c = charts(s, true);
  for (const [what, title] of [["memory", "memory"], ["io", "I/O"]]) {
    const of = (state) => (r) => rates(r, `psi_${what}_${state}_ns`, 1e-7);
    const line = (state, i) => ({ label: state, colour: i ? "--c1" : "--c0", data: of(state)(run) });
    chart.add(c, run, { title, x: seconds(run), value: format.percent,
      lines: [...["some", "full"].map(line), ...others("some", of("some"))], most: 1 });
  }
}

function swap() {
  const s = section("Swap, zswap and faults");
  const c = charts(s, true), x = seconds(run);
  const rate = (key, label, colour, scale) => ({ label, colour, data: rates(run, key, scale) });
  const beside = (key, label, scale) => others(label, (r) => rates(r, key, scale));
  chart.add(c, run, { title: "In use", x, lines: [
    { label: "swap", data: column(run, "swap_used"), colour: "--c1" },
    { label: "stored in zswap", data: column(run, "zswap_stored"), colour: "--c2" },
    { label: "zswap's pool", data: column(run, "zswap_pool"), colour: "--c6" },
    ...others("swap", (r) => column(r, "swap_used"))] });
  chart.add(c, run, { title: "Traffic a second", x, lines: [
    rate("pswpout", "out to the device", "--c1", 4096), rate("pswpin", "in from it", "--c0", 4096),
    rate("zswpout", "out to zswap", "--c2", 4096), rate("zswpin", "in from zswap", "--c6", 4096),
    ...beside("pswpout", "out to the device", 4096)] });
  chart.add(c, run, { title: "Faults a second", x, value: format.count, lines: [
    rate("pgfault", "all", "--c0"), rate("pgmajfault", "major", "--c1"),
    ...beside("pgmajfault", "major")] });
  chart.add(c, run, { title: "Pages that came back a second (refaults)", x, value: format.count, lines: [
    rate("refault_anon", "anonymous", "--c1"), rate("refault_file", "files", "--c0"),
    ...beside("refault_anon", "anonymous")] });
}

function nodes() {
  if (!run.record) return;
  const s = section("Nodes", "Free memory of each and its watermarks, logarithmic.");
  const c = charts(s, true), x = run.record.ns.map((v) => v / 1e9);
  for (const n of run.record.nodes) {
    if (!Math.max(...n.free)) continue;
    chart.add(c, run, { title: `node ${n.node}`, x, height: 180, log: true, lines: [
      { label: "free", data: n.free, colour: "--ink", dash: [] }, { label: "high", data: n.high, colour: "--c4", dash: [2, 3] },
      { label: "low", data: n.low, colour: "--c3", dash: [8, 4] }, { label: "min", data: n.min, colour: "--c1", dash: [10, 3, 2, 3] }] });
  }
}

function physical() {
  if (!run.record || !run.record.map.at.length) return;
  redraws.push(addMap(section("Physical memory", "A cell a block, along Hilbert's curve: what is near in memory is near here."), run));
}

function slabs() {
  if (!run.record) return;
  const s = section("Slab", "The largest caches.");
  chart.add(charts(s, false), run, { label: "slab caches", x: run.record.ns.map((v) => v / 1e9),
    lines: run.record.slabs.slice(0, 8).map((c, i) => ({ label: c.name, data: c.bytes, colour: `--c${i}` })) });
}

function events() {
  const s = section("What happened");
  s.insertAdjacentHTML("beforeend", `<div class=scroll><table>${run.events.map((e) =>
    `<tr><td>${format.clock(run, e.ns / 1e9, true)}</td><td${e.kind === "oom-kill" || e.kind === "panic" ? " class=alarm" : ""}>${
      escape(e.text)}</td></tr>`).join("")}</table></div>`);
}

lead();
kills();
memory();
holders();
pressure();
swap();
nodes();
physical();
slabs();
events();
document.getElementById("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  for (const f of redraws) f();
});
document.documentElement.dataset.ready = "yes";
