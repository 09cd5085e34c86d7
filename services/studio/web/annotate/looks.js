// How the picture is shown: contrast, brightness, one channel. The marks and the file stay as they are.

const KEY = "annotate-looks";
const PLAIN = { contrast: 100, brightness: 100, channel: "" };

export class Looks {
  constructor({ onChange }) {
    this.filter = ""; // of CSS and of canvases; empty for the picture as it is
    this.onChange = () => {};
    this.inputs = Object.fromEntries(Object.keys(PLAIN).map((id) => [id, document.getElementById(id)]));
    this.set({ ...PLAIN, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") });
    this.onChange = onChange;
    for (const input of Object.values(this.inputs)) input.addEventListener("input", () => this.set(this.values));
    document.getElementById("plain").addEventListener("click", () => this.set(PLAIN));
  }

  get values() { return Object.fromEntries(Object.entries(this.inputs).map(([id, input]) => [id, input.value])); }

  set(values) {
    for (const [id, value] of Object.entries(values)) this.inputs[id].value = String(value);
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
