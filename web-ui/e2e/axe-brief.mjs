// The part of axe.mjs that every run of the tests can afford: each page as it opens, once, in turns dark Chinese on a desk and light
// English on a phone.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/axe-brief.mjs
process.env.BRIEF = "1";
await import("./axe.mjs");
