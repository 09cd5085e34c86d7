import { call } from "../model/calls.js";
import { at, perhaps } from "../model/elements.js";
import { ready } from "../model/ready.js";
import { refuseIn, revokeByButtons } from "../elements/tokens.js";

perhaps("password")?.addEventListener("submit", (event) => {
  event.preventDefault();
  refuseIn(at("password-refusal"), async () => {
    await call("POST", "/api/account/password", {
      current: perhaps("current", HTMLInputElement)?.value ?? "", password: at("new", HTMLInputElement).value,
    });
    location.reload();
  });
});

at("token").addEventListener("submit", (event) => {
  event.preventDefault();
  refuseIn(at("token-refusal"), async () => {
    /** @type {{ token: string }} */
    const { token } = await call("POST", "/api/account/tokens", {
      label: at("label", HTMLInputElement).value,
      role: at("role", HTMLSelectElement).value,
      days: Number(at("days", HTMLInputElement).value),
    });
    at("secret").textContent = token;
    at("made").hidden = false;
    perhaps("none")?.remove();
    at("token", HTMLFormElement).reset();
  });
});

revokeByButtons();
ready();
