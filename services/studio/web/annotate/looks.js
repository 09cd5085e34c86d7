// How the picture is shown: contrast, brightness, one channel. The marks and the file stay as they are.

/** @typedef {{ contrast: string | number, brightness: string | number, channel: string }} Values */
import { at } from "../model/elements.js";

const KEY = "annotate-looks";
/** @type {Values} */
const PLAIN = { contrast: 100, brightness: 100, channel: "" };

export class Looks {
  /** @param {{ onChange: () => void }} given */
  constructor({ onChange }) {
    this.filter = ""; // of CSS and of canvases; empty for the picture as it is
    this.onChange = () => {};
    this.inputs = {
      contrast: at("contrast", HTMLInputElement),
      brightness: at("brightness", HTMLInputElement),
      channel: at("channel", HTMLSelectElement),
    };
    this.set({ ...PLAIN, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") });
    this.onChange = onChange;
    for (const input of Object.values(this.inputs)) input.addEventListener("input", () => this.set(this.values));
    at("plain").addEventListener("click", () => this.set(PLAIN));
  }

  get values() {
    const { contrast, brightness, channel } = this.inputs;
    return { contrast: contrast.value, brightness: brightness.value, channel: channel.value };
  }

  /** @param {Values} values */
  set(values) {
    this.inputs.contrast.value = String(values.contrast);
    this.inputs.brightness.value = String(values.brightness);
    this.inputs.channel.value = values.channel;
    const { contrast, brightness, channel } = this.values;
    const channels = channel ? `url(#show-${channel}) ` : "";
    const isPlain = !channels && contrast === "100" && brightness === "100";
    this.filter = isPlain ? "" : `${channels}brightness(${brightness}%) contrast(${contrast}%)`;
    sessionStorage.setItem(KEY, JSON.stringify(this.values));
    this.onChange();
  }

  nextChannel() {
    const { channel } = this.inputs;
    channel.selectedIndex = (channel.selectedIndex + 1) % channel.options.length;
    this.set(this.values);
  }
}
