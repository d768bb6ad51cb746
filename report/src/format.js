// SPDX-License-Identifier: MIT
// Numbers and instants as people read them.

const units = ["B", "KB", "MB", "GB", "TB"];

export function bytes(v) {
  if (v == null) return "-";
  let i = 0;
  while (Math.abs(v) >= 1024 && i < units.length - 1) {
    v /= 1024;
    i++;
  }
  return `${v >= 100 || i === 0 ? v.toFixed(0) : v.toFixed(1)} ${units[i]}`;
}

export function duration(ns) {
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(ns < 1e11 ? 1 : 0)} s`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e3).toFixed(0)} us`;
}

export const count = (v) => (v == null ? "-" : Math.round(v).toLocaleString("en-US"));
export const percent = (v) => (v == null ? "-" : `${v.toFixed(v < 10 ? 1 : 0)} %`);

// seconds since the start of the night, as its clock shows them
export function clock(run, s, withSeconds) {
  const t = (Math.floor(run.start_ns / 1e9 + s) + 86400) % 86400;
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  return `${two(t / 3600)}:${two((t / 60) % 60)}${withSeconds ? `:${two(t % 60)}` : ""}`;
}
