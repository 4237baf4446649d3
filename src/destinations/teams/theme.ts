interface Ink {
  readonly default: string;
  readonly subtle: string;
}

interface Palette {
  readonly ink: Ink;
  readonly accent: Ink;
  readonly good: Ink;
  readonly warning: Ink;
  readonly attention: Ink;
  /** Backgrounds of containers by style. */
  readonly paper: Readonly<Record<"default" | "emphasis" | "accent" | "good" | "attention" | "warning", string>>;
  readonly line: string;
}

/** Settings of the Adaptive Cards library (its HostConfig) that come near to what Teams uses, which are not published. */
function hostConfig({ ink, paper, line, ...colors }: Palette) {
  const foregroundColors = { default: ink, dark: ink, light: ink, ...colors };
  const style = (backgroundColor: string) => ({ backgroundColor, foregroundColors });
  return {
    hostCapabilities: { capabilities: null },
    supportsInteractivity: true,
    fontTypes: {
      default: { fontFamily: '"Segoe UI", system-ui, sans-serif' },
      monospace: { fontFamily: 'Consolas, ui-monospace, "DejaVu Sans Mono", monospace' },
    },
    fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
    fontWeights: { lighter: 200, default: 400, bolder: 600 },
    lineHeights: { small: 16, default: 20, medium: 20, large: 24, extraLarge: 32 },
    spacing: { small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
    separator: { lineThickness: 1, lineColor: line },
    containerStyles: {
      default: style(paper.default),
      emphasis: style(paper.emphasis),
      accent: style(paper.accent),
      good: style(paper.good),
      attention: style(paper.attention),
      warning: style(paper.warning),
    },
    actions: {
      maxActions: 6,
      spacing: "Default",
      buttonSpacing: 8,
      preExpandSingleShowCardAction: false,
      actionsOrientation: "Horizontal",
      actionAlignment: "Left",
    },
  };
}

export const LIGHT = hostConfig({
  ink: { default: "#242424", subtle: "#616161" },
  accent: { default: "#5b5fc7", subtle: "#7579eb" },
  good: { default: "#237b4b", subtle: "#498205" },
  warning: { default: "#835c00", subtle: "#986f0b" },
  attention: { default: "#c4314b", subtle: "#cc4a31" },
  paper: {
    default: "#ffffff",
    emphasis: "#f5f5f5",
    accent: "#e8ebfa",
    good: "#e7f2da",
    attention: "#fcf4f6",
    warning: "#fbf6d9",
  },
  line: "#e0e0e0",
});

export const DARK = hostConfig({
  ink: { default: "#ffffff", subtle: "#adadad" },
  accent: { default: "#9ea2ff", subtle: "#7f85f5" },
  good: { default: "#92c353", subtle: "#6bb700" },
  warning: { default: "#f8d22a", subtle: "#dcb800" },
  attention: { default: "#f9526b", subtle: "#e37d80" },
  paper: {
    default: "#292929",
    emphasis: "#333333",
    accent: "#2f2f4a",
    good: "#0d2e0d",
    attention: "#3e1f25",
    warning: "#463100",
  },
  line: "#3d3d3d",
});
