// Give select2's boxes the name of their label, which they lack, whenever one is made.
new MutationObserver(() => {
  for (const box of document.querySelectorAll(".select2-selection__rendered:not([aria-label])")) {
    const field = document.getElementById(box.id.replace(/^select2-|-container$/g, ""));
    const label = field && document.querySelector(`label[for="${field.id}"]`);
    if (label) box.setAttribute("aria-label", label.textContent.trim().replace(/:$/, ""));
  }
}).observe(document, { childList: true, subtree: true });

// A form begins with its first field, not with the buttons above it that Django focuses.
addEventListener("load", () => {
  if (!document.activeElement.closest(".submit-row")) return;
  const fields = document.querySelectorAll("#content form fieldset :is(input, select, textarea):not([type=hidden])");
  for (const field of fields) if (field.offsetParent) return field.focus({ preventScroll: true });
});

// While select2 is searching, its list is still that of the former words: Enter would choose somebody else.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.(".select2-search__field")) return;
  if (!document.querySelector(".select2-results .loading-results")) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
