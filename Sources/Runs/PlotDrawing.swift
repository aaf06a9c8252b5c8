import Foundation

/// A plot laid out at one width: what the SVG template fills in.
///
/// A page holds each plot twice, laid out wide and narrow: scaling one drawing down would make its
/// letters unreadable.
struct PlotDrawing {
  struct Line {
    let position: String
    let label: String
  }

  struct Band {
    let x, width, tone, title: String
    let labels: [Text]
  }

  struct Mark {
    let x, y1, title: String
    let labels: [Text]
  }

  struct Text {
    let x, y, style, text: String
  }

  struct Dot {
    let x, y: String
  }

  let kind, name, unit: String
  let sheetWidth, sheetHeight, left, right, top, bottom, span, middle, center: String
  let rows, columns: [Line]
  let bands: [Band]
  let marks: [Mark]
  let points: String
  /// Drawn besides the line, which does not show where there is but one point.
  let dots: [Dot]

  enum Kind: String {
    case wide, narrow

    var width: Double { self == .wide ? 920 : 420 }
    var height: Double { self == .wide ? 300 : 240 }
    var ticks: Int { self == .wide ? 16 : 7 }
    var points: Int { self == .wide ? 800 : 360 }
  }

  private static let left = 64.0
  private static let rightMargin = 14.0
  private static let lineHeight = 15.0
  /// What would need more lines of labels goes unlabelled, but for what shows on pointing there.
  private static let mostLanes = 4

  init(_ plot: ThroughputPlot, _ kind: Kind) {
    let left = PlotDrawing.left
    let right = kind.width - PlotDrawing.rightMargin
    let time = TimeScale(end: plot.seconds, limit: kind.ticks)
    let samples = plot.samples(atMost: kind.points)
    let scale = ThroughputScale(samples.map(\.perSecond))
    func x(_ seconds: Double) -> Double { left + time.position(seconds) * (right - left) }

    // Above the plot, from the top: the heads of the bands, then the labels of the marks.
    var lanes = LabelLanes(gap: 6)
    let heads = plot.bands.map { band in
      let width = max(PlotDrawing.textWidth(band.label), PlotDrawing.textWidth(band.detail))
      let center = (x(band.start) + x(band.end)) / 2
      let middle = min(max(center, left + width / 2), right - width / 2)
      return (x: middle, lane: lanes.place(middle - width / 2...middle + width / 2))
    }
    let headHeight = Double(min(lanes.count, PlotDrawing.mostLanes)) * 2 * PlotDrawing.lineHeight
    var markLanes = LabelLanes(gap: 12)
    let flags = plot.marks.map { mark in
      let width = PlotDrawing.textWidth(mark.label) + 4
      let start = max(left, min(x(mark.seconds) + 4, right - width))
      return (x: start, lane: markLanes.place(start...start + width))
    }
    let markHeight =
      Double(min(markLanes.count, PlotDrawing.mostLanes)) * PlotDrawing.lineHeight
    let top = headHeight + markHeight + 8
    let bottom = top + kind.height
    func y(_ perSecond: Double) -> Double { bottom - scale.position(perSecond) * (bottom - top) }

    bands = zip(plot.bands, heads).map { band, head in
      let base = Double(head.lane) * 2 * PlotDrawing.lineHeight
      return Band(
        x: Self.number(x(band.start)), width: Self.number(x(band.end) - x(band.start)),
        tone: band.tone.rawValue, title: "\(band.label), \(band.detail)",
        labels: head.lane >= PlotDrawing.mostLanes
          ? []
          : [
            Text(
              x: Self.number(head.x), y: Self.number(base + 12), style: "strong", text: band.label),
            Text(
              x: Self.number(head.x), y: Self.number(base + 12 + PlotDrawing.lineHeight),
              style: "faint", text: band.detail),
          ])
    }
    marks = zip(plot.marks, flags).map { mark, flag in
      let lane = min(flag.lane, PlotDrawing.mostLanes)
      let lineTop = headHeight + Double(lane) * PlotDrawing.lineHeight
      let label = Text(
        x: Self.number(flag.x), y: Self.number(lineTop + 12), style: "flag", text: mark.label)
      return Mark(
        x: Self.number(x(mark.seconds)), y1: Self.number(lineTop + 2), title: mark.label,
        labels: flag.lane < PlotDrawing.mostLanes ? [label] : [])
    }
    rows = scale.ticks.map { tick in
      let isZero = tick.label == "0"
      return Line(position: Self.number(isZero ? bottom : y(tick.value)), label: tick.label)
    }
    columns = time.ticks.map { Line(position: Self.number(x($0.value)), label: $0.label) }
    points = samples.map { Self.number(x($0.seconds)) + "," + Self.number(y($0.perSecond)) }
      .joined(separator: " ")
    dots =
      samples.count == 1
      ? samples.map {
        Dot(x: Self.number(x($0.seconds)), y: Self.number(y($0.perSecond)))
      } : []

    self.kind = kind.rawValue
    name = plot.title
    unit = plot.unit
    sheetWidth = Self.number(kind.width)
    sheetHeight = Self.number(bottom + 40)
    span = Self.number(bottom - top)
    self.left = Self.number(left)
    self.right = Self.number(right)
    self.top = Self.number(top)
    self.bottom = Self.number(bottom)
    center = Self.number((top + bottom) / 2)
    middle = Self.number((left + right) / 2)
  }

  /// An estimate: a page has no way to ask for the width of its letters without a script.
  private static func textWidth(_ text: String) -> Double { Double(text.count) * 6.4 }

  /// A coordinate.
  static func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
