// Ids that nobody else makes: 32 hexadecimal digits. crypto.randomUUID is for https and localhost alone.
/** @type {() => string} */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
