// DOM from data. Text is set as text, never as markup: names come from strangers.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function notice(text, kind = "") {
  const shown = element("p", { className: kind, textContent: text });
  document.getElementById("notices").append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 12000 : 5000);
}
