// SPDX-License-Identifier: MIT
// Physical memory: a cell a block, along Hilbert's curve, so that what is near
// in memory is near in the picture.

import * as format from "./format.js";

// Each differs from all others in how light it is, not in hue alone.
const shades = ["--bg", "--free", "--anon", "--cache", "--shared", "--slab", "--tables", "--kernel", "--reserved"];
const letters = [" ", ".", "A", "c", "S", "s", "t", "k", "r"];
const types = ["unmovable", "movable", "reclaimable", "high atomic", "CMA", "isolated"];
const typeShades = ["--anon", "--free", "--slab", "--shared", "--tables", "--kernel"];

async function unpack(base64) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The d-th point of the curve that fills a square of n by n.
function hilbert(n, d) {
  let x = 0, y = 0;
  for (let s = 1, t = d; s < n; s *= 2, t = Math.floor(t / 4)) {
    const rx = 1 & (t >> 1), ry = 1 & (t ^ rx);
    if (!ry) {
      if (rx) [x, y] = [s - 1 - x, s - 1 - y];
      [x, y] = [y, x];
    }
    x += s * rx;
    y += s * ry;
  }
  return [x, y];
}

function rgb(name) {
  const v = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((i) => parseInt(v.slice(i, i + 2), 16));
}

export function addMap(parent, run) {
  const map = run.record.map, frames = map.at.map(() => null);
  let side = 1;
  while (side * side < map.blocks) side *= 2;
  const place = new Uint32Array(map.blocks), back = new Int32Array(side * side).fill(-1);
  for (let d = 0; d < map.blocks; d++) {
    const [x, y] = hilbert(side, d);
    place[d] = y * side + x;
    back[place[d]] = d;
  }
  parent.insertAdjacentHTML("beforeend", `
    <div class="controls"><label>time <input id="map-time" type="range" min="0" max="${map.at.length - 1}" value="0"></label>
      <output id="map-clock"></output>
      <label>by <select id="map-by"><option value="owner">owner</option><option value="type">migrate type</option></select></label>
      <label>show <select id="map-only"><option value="-1">all</option></select></label></div>
    <div class="map"><canvas class="cells" id="map-cells" width="${side}" height="${side}" role="img"
      aria-label="map of physical memory; the table beside it has the sums"></canvas><div><table id="map-legend"></table>
      <p id="map-under" class="soft">A cell is ${format.bytes(map.block_bytes)}.</p></div></div>`);
  const $ = (id) => parent.querySelector(`#map-${id}`);
  const canvas = $("cells"), ctx = canvas.getContext("2d"), time = $("time"), by = $("by"), only = $("only");

  const names = () => (by.value === "owner" ? map.owners : types);
  const code = (cell) => (by.value === "owner" ? cell & 15 : cell ? cell >> 4 : -1);

  function fillOnly() {
    const was = only.value;
    only.innerHTML = '<option value="-1">all</option>' +
      names().map((n, i) => `<option value="${i}">${n}</option>`).join("");
    only.value = was;
    if (only.selectedIndex < 0) only.value = "-1";
  }

  async function draw() {
    const i = Number(time.value);
    frames[i] = frames[i] || (await unpack(map.at[i].cells));
    const cells = frames[i], image = ctx.createImageData(side, side), sums = names().map(() => 0);
    const colours = (by.value === "owner" ? shades : typeShades).map(rgb), blank = rgb("--bg"), ink = rgb("--ink"), pale = rgb("--free");
    for (let d = 0; d < map.blocks; d++) {
      const k = cells[d] & 15 ? code(cells[d]) : -1, chosen = Number(only.value);
      const c = k < 0 ? blank : chosen < 0 ? colours[k] : k === chosen ? ink : pale;
      if (k >= 0) sums[k]++;
      image.data.set([...(c || blank), 255], place[d] * 4);
    }
    ctx.putImageData(image, 0, 0);
    $("clock").textContent = format.clock(run, map.at[i].ns / 1e9);
    $("legend").innerHTML = "<tr><th></th><th>blocks</th><th class=n>memory</th></tr>" +
      names().map((n, k) => (sums[k] ? `<tr><td><span class=swatch style="background:var(${(by.value === "owner" ? shades : typeShades)[k]})"></span>${
        by.value === "owner" ? `<code>${letters[k]}</code> ` : ""}${n}</td><td>${format.count(sums[k])}</td><td class=n>${
        format.bytes(sums[k] * map.block_bytes)}</td></tr>` : "")).join("");
  }

  canvas.addEventListener("mousemove", (e) => {
    const r = canvas.getBoundingClientRect();
    const x = Math.floor(((e.clientX - r.left) / r.width) * side), y = Math.floor(((e.clientY - r.top) / r.height) * side);
    const d = back[y * side + x], cells = frames[Number(time.value)];
    if (d == null || d < 0 || !cells || !(cells[d] & 15)) return;
    let node = 0;
    for (const n of run.record.nodes) if (n.first_block <= d) node = n.node;
    $("under").textContent = `block ${d}, at ${format.bytes(d * map.block_bytes)} of the address space, node ${node}: ${
      map.owners[cells[d] & 15]}, ${types[cells[d] >> 4]}`;
  });
  time.addEventListener("input", draw);
  only.addEventListener("change", draw);
  by.addEventListener("change", () => { fillOnly(); draw(); });
  fillOnly();
  // Begin at the last map before the first kill: that is what one wants to see.
  const first = run.kills.length ? run.kills[0].ns : run.length_ns / 2;
  time.value = String(Math.max(0, map.at.findLastIndex((m) => m.ns <= first)));
  draw();
  return draw;
}
