// SPDX-License-Identifier: MIT
// Charts over the night: uPlot with our axes, colours, dashes and marks.

import uPlot from "uplot";
import * as format from "./format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const all = [];
const sync = uPlot.sync("night");

// Lines of one chart differ by dash as well as by colour; the legend shows both.
export const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [16, 5], [1, 5], [6, 2, 2, 2, 2, 2], [4, 8], [16, 3, 4, 3], [3, 1]];

// Layers differ by hatch: what is drawn on a tile of 8 by 8 that is repeated.
const hatches = {
  plain: () => {},
  dots: (t) => t.fillRect(1, 1, 2, 2) || t.fillRect(5, 5, 2, 2),
  level: (t) => t.fillRect(0, 3, 8, 1.5),
  rising: (t) => slope(t, 8, 0),
  falling: (t) => slope(t, 0, 8),
  grid: (t) => t.fillRect(0, 3, 8, 1) || t.fillRect(3, 0, 1, 8),
};

function slope(t, from, to) {
  t.beginPath();
  for (const x of [-8, 0, 8]) {
    t.moveTo(x, from);
    t.lineTo(x + 8, to);
  }
  t.stroke();
}

// How light a colour of the form #rrggbb is without its hue: 0 to 255.
const luma = (c) => [1, 3, 5].reduce((sum, at, i) => sum + parseInt(c.slice(at, at + 2), 16) * [0.2126, 0.7152, 0.0722][i], 0);

function tile(s) {
  const c = document.createElement("canvas"), t = c.getContext("2d"), fill = css(s.colour);
  c.width = c.height = 8 * devicePixelRatio;
  t.scale(devicePixelRatio, devicePixelRatio);
  t.fillStyle = fill;
  t.fillRect(0, 0, 8, 8);
  // In the one of the page's two colours that stands out from the fill.
  const [ink, bg] = [css("--ink"), css("--bg")];
  t.fillStyle = t.strokeStyle = Math.abs(luma(ink) - luma(fill)) > Math.abs(luma(bg) - luma(fill)) ? ink : bg;
  t.globalAlpha = 0.5;
  t.lineWidth = 1.2;
  hatches[s.hatch](t);
  return c;
}

// The legend's samples: a piece of the line with its dash, or of the layer with its hatch.
function samples(host, marked) {
  const rows = host.querySelectorAll(".u-legend .u-series");
  for (const [i, s] of marked.entries()) {
    const m = rows[i + 1].querySelector(".u-marker");
    m.dataset.mark = s.hatch || s.dash.join(" ") || "solid";
    if (s.hatch) m.style.backgroundImage = `url(${tile(s).toDataURL()})`;
    else
      m.innerHTML = `<svg width="40" height="12" aria-hidden="true"><line x1="0" y1="6" x2="40" y2="6" stroke-width="2"
        style="stroke:var(${s.colour})" stroke-dasharray="${s.dash.join(" ")}"/></svg>`;
  }
}

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
  const bands = [], marked = [];
  const value = o.value || format.bytes, draw = [marks(run)];
  if (o.stack) {
    // The topmost first: each is drawn as the sum of itself and those below.
    const sum = o.x.map(() => 0);
    const layers = o.stack.map((s) => ({ ...s, top: s.data.map((v, i) => (sum[i] += v)) }));
    layers.reverse();
    draw.push(names(layers));
    for (const [i, s] of layers.entries()) {
      data.push(s.top);
      marked.push(s);
      series.push({ label: s.label, stroke: () => css("--ink"), width: 0.6, fill: (u) => u.ctx.createPattern(tile(s), "repeat"),
        value: (u, v, si, idx) => (idx == null ? "-" : value(s.data[idx])), points: { show: false } });
      if (i + 1 < layers.length) bands.push({ series: [i + 1, i + 2] });
    }
  }
  for (const [i, s] of (o.lines || []).entries()) {
    const dash = s.dash || dashes[i % dashes.length];
    data.push(s.data);
    marked.push({ ...s, dash });
    series.push({ label: s.label, stroke: () => css(s.colour), width: s.width || 1.6, dash,
      value: (u, v) => (v == null ? "-" : value(v)), points: { show: false } });
  }
  const chart = new uPlot({
    width: host.clientWidth, height: o.height || 220, series, bands, axes: axes(run, value),
    scales: { x: { time: false }, y: o.log ? { distr: 3, range: (u, min, max) => [Math.max(min, 1 << 20) / 1.5, max * 1.5] }
      : { range: (u, min, max) => [0, Math.max(o.most || 0, max || 1) * 1.02] } },
    cursor: { sync: { key: sync.key }, drag: { x: true, y: false } },
    legend: { live: true, markers: { width: 0, fill: () => "transparent" } },
    hooks: { draw },
  }, data, host);
  samples(host, marked);
  all.push({ chart, host, marked });
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
  for (const c of all) {
    c.chart.redraw();
    samples(c.host, c.marked);
  }
}

addEventListener("resize", () => {
  for (const c of all) c.chart.setSize({ width: c.host.clientWidth, height: c.chart.height });
});
