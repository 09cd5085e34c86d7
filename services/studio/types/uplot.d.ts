// Of uPlot 1.6 (web/vendor/uplot, loaded as a classic script): what canvas/step_curves.js uses.

export type Columns = [number[], ...(number | null)[][]];

export interface Axis {
  stroke?: string | (() => string);
  grid?: { show?: boolean; stroke?: string | (() => string); width?: number };
  ticks?: { show?: boolean };
  font?: string;
  size?: number;
  values?: (plot: Plot, splits: number[]) => string[];
}

export interface Series {
  label?: string;
  stroke?: string;
  width?: number;
  spanGaps?: boolean;
  value?: (plot: Plot, value: number | null | undefined) => string;
}

export interface Options {
  width: number;
  height: number;
  cursor?: { sync?: { key: string }; drag?: { x?: boolean; y?: boolean; setScale?: boolean } };
  scales?: Record<string, { time?: boolean; distr?: number }>;
  tzDate?: (seconds: number) => Date;
  axes?: Axis[];
  series: Series[];
  hooks?: { setSelect?: ((plot: Plot) => void)[] };
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Plot {
  data: Columns;
  width: number;
  select: Box;
  setData(data: Columns, resetScales?: boolean): void;
  setScale(scale: string, limits: { min: number; max: number }): void;
  setSelect(box: Box, fireHook?: boolean): void;
  setSize(size: { width: number; height: number }): void;
  posToVal(position: number, scale: string): number;
  redraw(rebuildPaths?: boolean, recalculateAxes?: boolean): void;
}

declare global {
  interface Window {
    uPlot: {
      new (options: Options, data: Columns, place: HTMLElement): Plot;
      tzDate(date: Date, zone: string): Date;
    };
  }
}
