// What the page begins with; whoever made the page wrote it into it.
export const boot = JSON.parse(document.getElementById("boot").textContent);
