// What the host that trains was last seen doing.
/** @import { Run } from "../../types/answers.d.ts" */
import { at } from "../model/elements.js";
import { table } from "./table.js";

/** @type {(bytes: number) => string} */
const gib = (bytes) => (bytes ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : "—");
/** @type {(value: number | null) => string} */
const percent = (value) => (value === null || value === undefined ? "—" : `${Math.round(value)} %`);
/** @type {(value: number | null) => string} */
const cores = (value) => (value === null ? "—" : (value / 100).toFixed(1));
/** @type {(value: number | null) => string} */
const rate = (value) => (value ? `${(value / 1e6).toFixed(1)} MB/s` : "—");

/** @param {Run} run */
export function showHardware({ hardware, device }) {
  at("hardware-panel").hidden = !hardware.host;
  if (!hardware.host) return;
  at("hardware-words").textContent = `of ${hardware.host}, ${new Date(1000 * hardware.sampled_at).toISOString().replace("T", " ").slice(0, 19)} UTC`;
  const host = table(["Host", "processor", "of it training, in cores", "memory in use", "training's memory", "disks", "network", "disk free"], [[
    `${hardware.host} (${device || "device unknown"})`, percent(hardware.cpu_percent), cores(hardware.process_cpu_percent), `${gib(hardware.memory_used_bytes)} of ${gib(hardware.memory_total_bytes)}`,
    gib(hardware.process_memory_bytes), rate(hardware.disk_bytes_per_second), rate(hardware.network_bytes_per_second), gib(hardware.disk_free_bytes),
  ]], { caption: "The host" });
  const gpus = hardware.gpus.length === 0 ? null : table(["GPU", "busy", "memory", "temperature", "power"], hardware.gpus.map((gpu, place) => [
    `${place} ${gpu.name}`, percent(gpu.utilization_percent), `${gib(gpu.memory_used_bytes)} of ${gib(gpu.memory_total_bytes)}`,
    gpu.temperature_celsius ? `${gpu.temperature_celsius} °C` : "—", gpu.power_watts ? `${Math.round(gpu.power_watts)} W` : "—",
  ]), { caption: "Its GPUs" });
  at("hardware").replaceChildren(host, ...(gpus ? [gpus] : []));
  at("hardware").tabIndex = 0;
  at("hardware").setAttribute("role", "region");
  at("hardware").setAttribute("aria-label", "Hardware");
}
