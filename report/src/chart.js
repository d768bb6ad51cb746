// SPDX-License-Identifier: MIT
// Charts over the night: uPlot with our axes, colours, dashes and marks.

import uPlot from "uplot";
import * as format from "./format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const all = [];
const sync = uPlot.sync("night");

// Lines of one chart differ by dash as well as by colour.
const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [14, 4], [1, 4], [6, 2, 2, 2]];

function axes(run, value) {
  const common = {
    font: "12px system-ui, sans-serif",
    stroke: () => css("--soft"),
    grid: { stroke: () => css("--line"), width: 1 },
    ticks: { stroke: () => css("--line"), width: 1 },
  };
  return [
    { ...common, values: (u, vs) => vs.map((v) => format.clock(run, v)), space: 70,
      incrs: [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400] },
    { ...common, values: (u, vs) => vs.map(value), size: 74 },
  ];
}

// Kills are drawn as lines from top to bottom with a mark at their head.
function marks(run) {
  return (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = css("--alarm");
    ctx.fillStyle = css("--alarm");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const k of run.kills) {
      const x = Math.round(u.valToPos(k.ns / 1e9, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const r = 4 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(x - r, bbox.top);
      ctx.lineTo(x + r, bbox.top);
      ctx.lineTo(x, bbox.top + 2 * r);
      ctx.fill();
    }
    ctx.restore();
  };
}

// Names stand in the layers where these are thickest, so no colour is needed.
function names(layers) {
  return (u) => {
    const { ctx } = u;
    ctx.save();
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    for (const s of layers) {
      let best = -1, room = 0, at = 0;
      for (let i = 0; i < s.data.length; i++) {
        const x = u.valToPos(u.data[0][i], "x", true);
        if (x < u.bbox.left + 60 || x > u.bbox.left + u.bbox.width - 60) continue;
        const high = u.valToPos(s.top[i], "y", true), low = u.valToPos(s.top[i] - s.data[i], "y", true);
        if (low - high > room) [best, room, at] = [x, low - high, (low + high) / 2];
      }
      if (best < 0 || room < 14 * devicePixelRatio) continue;
      ctx.lineWidth = 3 * devicePixelRatio;
      ctx.strokeStyle = css("--bg");
      ctx.fillStyle = css("--ink");
      ctx.strokeText(s.label, best, at);
      ctx.fillText(s.label, best, at);
    }
    ctx.restore();
  };
}

function build(host, run, o) {
  const data = [o.x];
  const series = [{ label: "time", value: (u, v) => (v == null ? "-" : format.clock(run, v, true)) }];
  const bands = [];
  const value = o.value || format.bytes, draw = [marks(run)];
  if (o.stack) {
    // The topmost first: each is drawn as the sum of itself and those below.
    const sum = o.x.map(() => 0);
    const layers = o.stack.map((s) => ({ ...s, top: s.data.map((v, i) => (sum[i] += v)) }));
    layers.reverse();
    draw.push(names(layers));
    for (const [i, s] of layers.entries()) {
      data.push(s.top);
      series.push({ label: s.label, stroke: () => css("--ink"), width: 0.6, fill: () => css(s.colour),
        value: (u, v, si, idx) => (idx == null ? "-" : value(s.data[idx])), points: { show: false } });
      if (i + 1 < layers.length) bands.push({ series: [i + 1, i + 2] });
    }
  }
  for (const [i, s] of (o.lines || []).entries()) {
    data.push(s.data);
    series.push({ label: s.label, stroke: () => css(s.colour), width: s.width || 1.6, dash: s.dash || dashes[i % dashes.length],
      value: (u, v) => (v == null ? "-" : value(v)), points: { show: false } });
  }
  const chart = new uPlot({
    width: host.clientWidth, height: o.height || 220, series, bands, axes: axes(run, value),
    scales: { x: { time: false }, y: o.log ? { distr: 3, range: (u, min, max) => [Math.max(min, 1 << 20) / 1.5, max * 1.5] }
      : { range: (u, min, max) => [0, Math.max(o.most || 0, max || 1) * 1.02] } },
    cursor: { sync: { key: sync.key }, drag: { x: true, y: false } },
    legend: { live: true, markers: { dash: (u, i) => (o.lines ? ["solid", "dashed", "dotted", "double"][(i - 1) % 4] : "solid"), width: 3 } },
    hooks: { draw },
  }, data, host);
  all.push({ chart, host });
  return chart;
}

// o: {title, x, stack, lines, value, height, most}
export function add(parent, run, o) {
  const box = document.createElement("div");
  box.className = "chart";
  if (o.title) box.append(Object.assign(document.createElement("h3"), { textContent: o.title }));
  const host = document.createElement("div");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", o.title || o.label || "chart");
  box.append(host);
  parent.append(box);
  return build(host, run, o);
}

export function redraw() {
  for (const c of all) c.chart.redraw();
}

addEventListener("resize", () => {
  for (const c of all) c.chart.setSize({ width: c.host.clientWidth, height: c.chart.height });
});
