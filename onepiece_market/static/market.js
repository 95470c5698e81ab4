// What HTML cannot do alone: arrow keys and Escape in the suggestions, a quantity that is typed over, short addresses, and a
// link that is shared by one click.
// Every page works without this file.
(() => {
  "use strict";
  const list = () => document.getElementById("suggestions");
  const hide = () => { if (list()) list().hidden = true; };
  const status = document.createElement("p");
  status.className = "sr";
  status.setAttribute("role", "status");
  document.body.append(status);
  const inside = (node) => node instanceof Element && node.closest(".suggest");

  document.addEventListener("keydown", (event) => {
    const box = inside(event.target);
    if (!box || list().hidden) return;
    const stops = [box.querySelector("input"), ...list().querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && stops.length > 1) {
      event.preventDefault();
      hide();
      stops[0].focus();
    } else if (step && stops.length > 1) {
      event.preventDefault();
      stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
    }
  });
  document.addEventListener("input", (event) => { if (inside(event.target)) list().hidden = false; });
  for (const left of ["focusin", "pointerdown"]) {
    document.addEventListener(left, (event) => { if (!inside(event.target)) hide(); });
  }
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "suggestions") return;
    const count = event.target.querySelectorAll("a").length;
    status.textContent = count ? `${count} suggestion${count > 1 ? "s" : ""}, arrow down to reach them` : "";
  });

  // A quantity is typed over, not behind what stands there; a filter that is empty is no part of the address.
  let focused = null;
  document.addEventListener("focusin", (event) => {
    focused = event.target.id === "ticket-quantity" ? event.target : null;
    focused?.select();
  });
  document.addEventListener("mouseup", (event) => {  // the click that brought the focus would put the caret somewhere
    if (event.target === focused) event.preventDefault();
    focused = null;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    for (const field of event.target.querySelectorAll("input[name], select[name]")) field.disabled ||= field.value === "";
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[method=get] :disabled")) field.disabled = false;
  });

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[data-share]");
    if (!link || !(navigator.share || navigator.clipboard)) return;
    event.preventDefault();
    try {
      if (navigator.share) await navigator.share({ title: document.title, url: link.href });
      else {
        await navigator.clipboard.writeText(link.href);
        link.textContent = "Link copied";
      }
    } catch { /* the reader closed the dialogue */ }
  });
})();
