// Icons: 24 x 24 strokes. Each state has its own outline, so that it reads without colour.

import { s } from "./dom.js";

const SHAPES = {
  ok: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "m8 12.3 2.8 2.8L16 9.6"],
  late: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7.2V12l3.3 2.2"],
  unknown: [
    "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "M9.4 9.4a2.7 2.7 0 1 1 3.9 2.7c-.9.5-1.3 1-1.3 2",
    "M12 17v.1",
  ],
  warning: ["M12 3.6 2.9 19.6h18.2z", "M12 9.8v4.4", "M12 17v.1"],
  alarm: ["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "M12 7.6v5.4", "M12 16.3v.1"],
  muted: ["M6 16.5V11a6 6 0 0 1 9.6-4.8M18 10.6v5.9H9.2", "M10.3 19.5h3.4", "M4 20 20 4"],
  fault: ["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "m9 9 6 6", "m15 9-6 6"],
  snow: ["M12 3v18", "m4.2 7.5 15.6 9", "m19.8 7.5-15.6 9", "m9.8 4.6 2.2 2 2.2-2", "m9.8 19.4 2.2-2 2.2 2"],
  wildlife: [
    "M12 12.2c-2.6 0-5 2.6-5 5 0 1.600 1.200 2.300 2.400 2.300 1 0 1.700-.5 2.600-.5s1.600.5 2.600.5c1.200 0 2.400-.7 2.400-2.300 0-2.400-2.400-5-5-5z",
    "M5.200 10.200v1.300",
    "M9.300 5.800v1.500",
    "M14.700 5.800v1.500",
    "M18.800 10.200v1.300",
  ],
  watch: ["M4 11.200 12 4.500l8 6.700", "M6.200 9.800v9.700h11.600V9.800", "M12 16.300c-1.700-1.100-2.600-2-2.600-3a1.400 1.400 0 0 1 2.600-.7 1.400 1.400 0 0 1 2.600.7c0 1-.9 1.900-2.600 3z"],
  system: ["M4.500 6.500h15v9.500h-15z", "M9 19.500h6", "M12 16v3.500"],
};

/** Make an icon. It says nothing by itself: a word always stands beside it. */
export function icon(name) {
  const heavy = name === "wildlife" ? 2.2 : 2;
  return s(
    "svg",
    {
      class: "icon", viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": heavy,
      "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false",
    },
    (SHAPES[name] ?? SHAPES.unknown).map((d) => s("path", { d })),
  );
}
