import Foundation

/// A plot of spreads laid out at one width: what the SVG template fills in.
func drawing(_ plot: SpreadPlot, _ size: PlotSize) -> Drawing {
  let all = plot.groups.flatMap(\.bars).flatMap {
    [$0.shortest, $0.median, $0.p99, $0.longest].compactMap { $0 }
  }
  let scale = ThroughputScale(all.filter { $0 > 0 })
  let left = 84.0
  let right = size.width - 24
  func x(_ microseconds: Double) -> String {
    coordinate(left + scale.position(microseconds) * (right - left))
  }

  var y = 4.0
  var headings: [Drawing] = []
  var bars: [Drawing] = []
  for group in plot.groups {
    headings.append(["y": coordinate(y + 16), "text": group.label])
    y += 24
    for bar in group.bars {
      let height = 17.0
      let middle = coordinate(y + height / 2)
      let values = [
        ("shortest", bar.shortest), ("median", bar.median), ("p99", bar.p99),
        ("longest", bar.longest),
      ].compactMap { name, value in
        value.map { "\(name) \(Quantity.duration(microseconds: $0))" }
      }
      bars.append([
        "y": middle, "textY": coordinate(y + height / 2 + 4),
        "start": x(bar.shortest ?? bar.median), "median": x(bar.median), "longest": x(bar.longest),
        "tone": bar.isFaint ? "quiet" : "loud", "label": bar.label,
        "title": "\(group.label), \(bar.label): \(values.joined(separator: ", "))",
        // None of a few runs.
        "p99": bar.p99.map { [["x": x($0), "y": middle]] } ?? [],
      ])
      y += height
    }
  }
  // Each decade, or every second one where there is no room.
  let decades = scale.ticks
  let step = max(1, (decades.count + size.ticks - 1) / size.ticks)
  return [
    "kind": size.rawValue, "name": plot.title, "headings": headings, "bars": bars,
    "ticks": stride(from: 0, to: decades.count, by: step).map {
      ["x": x(decades[$0].value), "label": decade(decades[$0].value)]
    },
    "legend": plot.groups.flatMap(\.bars).allSatisfy { $0.p99 == nil }
      ? "open dot: median; line: from the shortest to the longest"
      : "open dot: median; dot: p99; end of the line: longest",
    "left": coordinate(left), "right": coordinate(right), "top": "4",
    "bottom": coordinate(y + 6), "legendY": coordinate(y + 42),
    "sheetWidth": coordinate(size.width), "sheetHeight": coordinate(y + 50),
  ]
}

/// `10 µs`, `1 ms`: a duration that is a power of ten.
private func decade(_ microseconds: Double) -> String {
  let parts = Quantity.duration(microseconds: microseconds).split(separator: " ")
  guard parts.count == 2, let value = Double(parts[0]) else { return "" }
  return String(format: "%g", value) + " " + parts[1]
}
