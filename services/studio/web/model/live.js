// One WebSocket for the tab: what it watches is named anew after each reconnect.

export class Live {
  constructor(onRun, onTrouble) {
    this.onRun = onRun;
    this.onTrouble = onTrouble;
    this.wanted = [];
    this.wait = 500;
    this.#connect();
  }

  watch(runs) {
    this.wanted = runs;
    if (this.socket.readyState === WebSocket.OPEN) this.#ask();
  }

  #ask() {
    this.socket.send(JSON.stringify({ watch: this.wanted }));
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/live`);
    this.socket.addEventListener("open", () => { this.wait = 500; this.#ask(); });
    this.socket.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (message.error) this.onTrouble(message.error);
      else if (message.run.error) this.onTrouble(message.run.error);
      else this.onRun(message.run);
    });
    this.socket.addEventListener("close", () => {
      setTimeout(() => this.#connect(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    });
  }
}
