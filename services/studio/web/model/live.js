// One WebSocket for the tab: what it watches is named anew after each reconnect.
/**
 * @import { Run } from "../../types/answers.d.ts"
 * @typedef {{ image_id: number, revision: number | null }} Edit null: perhaps one that nobody told of
 * @typedef {{ watch: string[], image: number | null }} Wanted
 * @typedef {{ error?: string, edit?: Edit, run: Run & { error?: string } }} Message
 * @typedef {{ onRun?: (run: Run) => void, onEdit?: (edit: Edit) => void, onTrouble: (words: string) => void }} Listeners
 */

export class Live {
  /** @param {Listeners} listeners */
  constructor({ onRun, onEdit, onTrouble }) {
    this.onRun = onRun;
    this.onEdit = onEdit;
    this.onTrouble = onTrouble;
    /** @type {Wanted} */
    this.wanted = { watch: [], image: null };
    this.wait = 500;
    this.socket = this.#connect();
  }

  /** @param {string[]} runs */
  watch(runs) { this.#want({ watch: runs }); }

  // One image, or none: edits of its document are told, by whomever.
  /** @param {number | null} id */
  watchImage(id) { this.#want({ image: id }); }

  /** @param {Partial<Wanted>} some */
  #want(some) {
    Object.assign(this.wanted, some);
    if (this.socket.readyState === WebSocket.OPEN) this.#ask();
  }

  #ask() {
    this.socket.send(JSON.stringify(this.wanted));
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    socket.addEventListener("open", () => { this.wait = 500; this.#ask(); });
    socket.addEventListener("message", (event) => {
      /** @type {Message} */
      const message = JSON.parse(event.data);
      if (message.error) this.onTrouble(message.error);
      else if (message.edit) this.onEdit?.(message.edit);
      else if (message.run.error) this.onTrouble(message.run.error);
      else this.onRun?.(message.run);
    });
    socket.addEventListener("close", () => {
      setTimeout(() => { this.socket = this.#connect(); }, this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    });
    return socket;
  }
}
