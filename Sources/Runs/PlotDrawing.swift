import Foundation

/// The widths at which a page holds each plot: scaling one drawing down would make its letters
/// unreadable.
enum PlotSize: String, CaseIterable {
  case wide, narrow

  var width: Double { self == .wide ? 920 : 420 }
  var height: Double { self == .wide ? 300 : 240 }
  var ticks: Int { self == .wide ? 16 : 7 }
  var points: Int { self == .wide ? 800 : 360 }
}

/// What a template of a plot fills in, by name.
typealias Drawing = [String: Any]

/// A coordinate.
func coordinate(_ value: Double) -> String {
  let text = String(format: "%.1f", value)
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// An estimate: a page has no way to ask for the width of its letters without a script.
private func textWidth(_ text: String) -> Double { Double(text.count) * 6.4 }

/// A plot laid out at one width: what the SVG template fills in.
func drawing(_ plot: ThroughputPlot, _ size: PlotSize) -> Drawing {
  let left = 64.0
  let right = size.width - 14
  let lineHeight = 15.0
  // Labels that would need more lines are left out; they still show on hovering.
  let mostLanes = 4
  let time = TimeScale(end: plot.seconds, limit: size.ticks)
  let samples = plot.samples(atMost: size.points)
  let scale = ThroughputScale(samples.map(\.perSecond))
  func x(_ seconds: Double) -> Double { left + time.position(seconds) * (right - left) }
  func text(_ x: Double, _ y: Double, _ style: String, _ text: String) -> Drawing {
    ["x": coordinate(x), "y": coordinate(y), "style": style, "text": text]
  }

  // Above the plot, from the top: the heads of the bands, then the labels of the marks.
  var lanes = LabelLanes(gap: 6)
  let bands = plot.bands.map { band -> Drawing in
    let width = max(textWidth(band.label), textWidth(band.detail))
    let center = (x(band.start) + x(band.end)) / 2
    let middle = min(max(center, left + width / 2), right - width / 2)
    let lane = lanes.place(middle - width / 2...middle + width / 2)
    let base = Double(lane) * 2 * lineHeight + 12
    return [
      "x": coordinate(x(band.start)), "width": coordinate(x(band.end) - x(band.start)),
      "tone": band.tone.rawValue, "title": "\(band.label), \(band.detail)",
      "labels": lane >= mostLanes
        ? []
        : [
          text(middle, base, "strong", band.label),
          text(middle, base + lineHeight, "faint", band.detail),
        ],
    ]
  }
  let headHeight = Double(min(lanes.count, mostLanes)) * 2 * lineHeight
  var markLanes = LabelLanes(gap: 12)
  let marks = plot.marks.map { mark -> Drawing in
    let width = textWidth(mark.label) + 4
    let start = max(left, min(x(mark.seconds) + 4, right - width))
    let lane = markLanes.place(start...start + width)
    let top = headHeight + Double(min(lane, mostLanes)) * lineHeight
    return [
      "x": coordinate(x(mark.seconds)), "y1": coordinate(top + 2), "title": mark.label,
      "labels": lane < mostLanes ? [text(start, top + 12, "flag", mark.label)] : [],
    ]
  }
  let top = headHeight + Double(min(markLanes.count, mostLanes)) * lineHeight + 8
  let bottom = top + size.height
  func y(_ perSecond: Double) -> Double { bottom - scale.position(perSecond) * (bottom - top) }
  let points = samples.map { (x: coordinate(x($0.seconds)), y: coordinate(y($0.perSecond))) }
  return [
    "kind": size.rawValue, "name": plot.title, "unit": plot.unit,
    "bands": bands, "marks": marks,
    "rows": scale.ticks.map { tick in
      [
        "position": coordinate(tick.label == "0" ? bottom : y(tick.value)), "label": tick.label,
      ]
    },
    "columns": time.ticks.map { ["position": coordinate(x($0.value)), "label": $0.label] },
    "points": points.map { $0.x + "," + $0.y }.joined(separator: " "),
    // In addition to the line, which is invisible where there is only one point.
    "dots": points.count == 1 ? points.map { ["x": $0.x, "y": $0.y] } : [],
    "sheetWidth": coordinate(size.width), "sheetHeight": coordinate(bottom + 40),
    "left": coordinate(left), "right": coordinate(right), "top": coordinate(top),
    "bottom": coordinate(bottom), "span": coordinate(bottom - top),
    "center": coordinate((top + bottom) / 2), "middle": coordinate((left + right) / 2),
  ]
}
