// How a value stands on the page: snow depth in whole centimetres as published, temperature with one decimal.

const UNITS = { Cel: "℃", "dB[mW]": "dBm", 1: "", By: "B" };

/** Scale and decimals of a quantity: what one unit on the page is in the quantity's own unit. */
export function scale(quantity, unit) {
  if (quantity === "snow_depth") return { factor: 100, unit: "cm", decimals: 0 };
  if (unit === "m") return { factor: 1, unit: "m", decimals: 2 };
  if (unit === "Cel" || unit === "dB") return { factor: 1, unit: UNITS[unit] ?? unit, decimals: 1 };
  if (unit === "V") return { factor: 1, unit: "V", decimals: 2 };
  if (quantity === "link_quality") return { factor: 100, unit: "%", decimals: 0 };
  return { factor: 1, unit: UNITS[unit] ?? unit, decimals: 0 };
}

/** The figure as text, with a true minus sign; "−0" is "0". */
export function figure(value, { factor, decimals }) {
  const text = (value * factor).toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** Figure and unit as one text. */
export function withUnit(value, how) {
  return how.unit ? `${figure(value, how)} ${how.unit}` : figure(value, how);
}
