// Controls that the server sends disabled work once their page's module has run: until then a click, or what is typed, would
// be lost, for nobody listens.

export function ready() {
  /** @type {NodeListOf<HTMLButtonElement>} */
  const controls = document.querySelectorAll("[data-when-ready]");
  for (const control of controls) control.disabled = false;
  document.documentElement.dataset.ready = "yes";
}
