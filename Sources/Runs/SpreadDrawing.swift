import Foundation

/// A plot of spreads laid out at one width: what the SVG template fills in.
struct SpreadDrawing {
  struct Tick {
    let x, label: String
  }

  struct Heading {
    let y, text: String
  }

  struct Bar {
    let y, textY, start, median, longest, tone, label, title: String
    /// None of a few runs.
    let p99: [Dot]
  }

  struct Dot {
    let x, y: String
  }

  let kind, name, legend: String
  let sheetWidth, sheetHeight, left, right, top, bottom, legendY: String
  let ticks: [Tick]
  let headings: [Heading]
  let bars: [Bar]

  private static let left = 84.0
  private static let rightMargin = 24.0
  private static let headingHeight = 24.0
  private static let barHeight = 17.0

  init(_ plot: SpreadPlot, _ kind: PlotDrawing.Kind) {
    let all = plot.groups.flatMap(\.bars).flatMap {
      [$0.shortest, $0.median, $0.p99, $0.longest].compactMap { $0 }
    }
    let scale = ThroughputScale(all.filter { $0 > 0 })
    let right = kind.width - Self.rightMargin
    func x(_ microseconds: Double) -> String {
      PlotDrawing.number(Self.left + scale.position(microseconds) * (right - Self.left))
    }

    var y = 4.0
    var headings: [Heading] = []
    var bars: [Bar] = []
    for group in plot.groups {
      headings.append(Heading(y: PlotDrawing.number(y + 16), text: group.label))
      y += Self.headingHeight
      for bar in group.bars {
        let middle = y + Self.barHeight / 2
        let values = [
          ("shortest", bar.shortest), ("median", bar.median), ("p99", bar.p99),
          ("longest", bar.longest),
        ].compactMap { name, value in
          value.map { "\(name) \(Quantity.duration(microseconds: $0))" }
        }
        bars.append(
          Bar(
            y: PlotDrawing.number(middle), textY: PlotDrawing.number(middle + 4),
            start: x(bar.shortest ?? bar.median), median: x(bar.median), longest: x(bar.longest),
            tone: bar.isFaint ? "quiet" : "loud", label: bar.label,
            title: "\(group.label), \(bar.label): \(values.joined(separator: ", "))",
            p99: bar.p99.map { [Dot(x: x($0), y: PlotDrawing.number(middle))] } ?? []))
        y += Self.barHeight
      }
    }
    self.headings = headings
    self.bars = bars
    // Each decade, or every second one where there is no room.
    let decades = scale.ticks
    let step = max(1, (decades.count + kind.ticks - 1) / kind.ticks)
    ticks = stride(from: 0, to: decades.count, by: step).map {
      Tick(x: x(decades[$0].value), label: Self.decade(decades[$0].value))
    }
    self.kind = kind.rawValue
    name = plot.title
    legend =
      bars.allSatisfy(\.p99.isEmpty)
      ? "open dot: median; line: from the shortest to the longest"
      : "open dot: median; dot: p99; end of the line: longest"
    left = PlotDrawing.number(Self.left)
    self.right = PlotDrawing.number(right)
    top = "4"
    bottom = PlotDrawing.number(y + 6)
    legendY = PlotDrawing.number(y + 42)
    sheetWidth = PlotDrawing.number(kind.width)
    sheetHeight = PlotDrawing.number(y + 50)
  }

  /// `10 µs`, `1 ms`: a duration that is a power of ten.
  private static func decade(_ microseconds: Double) -> String {
    let parts = Quantity.duration(microseconds: microseconds).split(separator: " ")
    guard parts.count == 2, let value = Double(parts[0]) else { return "" }
    return String(format: "%g", value) + " " + parts[1]
  }
}
