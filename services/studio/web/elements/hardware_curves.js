// What the hosts that train were doing over the run's time.
/**
 * @import { HardwareCurve } from "../../types/answers.d.ts"
 * @import { Curve } from "../../types/drawing.d.ts"
 */
import { StepCurves } from "../canvas/step_curves.js";

const GIB = 2 ** 30;
const MEGA = 1e6;

// What belongs together shares axes, and each has the unit that its title names.
const GROUPS = [
  { title: "Processor, %", names: ["cpu_percent", "process_cpu_percent"], unit: 1 },
  { title: "Memory, GiB", names: ["memory_used_bytes", "process_memory_bytes"], unit: GIB },
  { title: "Disks, MB/s", names: ["disk_bytes_per_second"], unit: MEGA },
  { title: "Network, MB/s", names: ["network_bytes_per_second"], unit: MEGA },
  { title: "GPU busy, %", names: ["utilization_percent"], unit: 1 },
  { title: "GPU memory, GiB", names: ["memory_used_bytes"], unit: GIB },
  { title: "GPU power, W", names: ["power_watts"], unit: 1 },
  { title: "GPU temperature, °C", names: ["temperature_celsius"], unit: 1 },
];
/** @type {Record<string, string>} */
const WORDS = {
  cpu_percent: "host", memory_used_bytes: "host", process_cpu_percent: "training (100 % is one core)", process_memory_bytes: "training",
  disk_bytes_per_second: "host", network_bytes_per_second: "host",
};

// The curves as they are drawn: with the title of their group, in its unit, and named by what they are of.
/** @type {(curves: HardwareCurve[]) => Curve[]} */
export function shownCurves(curves) {
  const severalHosts = new Set(curves.map(({ host }) => host)).size > 1;
  return curves.flatMap(({ host, name, points }) => {
    const [, gpu, rest = ""] = /^(?:gpu\.(\d+)\.)?(.+)$/.exec(name) ?? [];
    const group = GROUPS.find(({ title, names }) => title.startsWith("GPU") === (gpu !== undefined) && names.includes(rest));
    if (!group) return [];
    const of = gpu === undefined ? WORDS[rest] : `GPU ${gpu}`;
    return [{
      title: group.title, name: severalHosts ? `${host}: ${of}` : of,
      points: points.map(([at, value]) => [at, value / group.unit]),
    }];
  });
}

export class HardwareCurves {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.curves = new StepCurves(place, {
      onZoom: () => {}, isTime: true, groups: GROUPS.map(({ title }) => ({ title, holds: (_name, curve) => curve.title === title })),
    });
  }

  /** @param {HardwareCurve[]} curves */
  set(curves) {
    this.curves.set(shownCurves(curves));
  }

  /** @param {[first: number, last: number] | null} range */
  zoom(range) {
    this.curves.zoom(range);
  }
}
