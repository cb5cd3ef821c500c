// What the page begins with: written into it once, with the sentences of both languages.
const read = (id) => JSON.parse(document.getElementById(id).textContent);

export const boot = read("boot");
const { lang } = document.documentElement, shown = boot.pack.falls[boot.pack.shown], photo = boot.pack.photos[shown.facts.photo.photo];
if (lang !== boot.lang) Object.assign(boot, { lang, words: read(`words-${lang}`) });
Object.assign(boot, { facts: shown.facts, example: { photo: photo.seen, file: photo.file, changed: shown.changed, random: shown.random, random32: shown.random32 } });
