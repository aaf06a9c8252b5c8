import Foundation
import FoundationXML
import Runs
import Testing

/// Reads XML, which a page must be, and remembers the numbers of all points.
private final class Reading: NSObject, XMLParserDelegate {
  private(set) var polylines: [[(x: Double, y: Double)]] = []
  private(set) var names: [String] = []
  private(set) var circles: [Double] = []
  private(set) var isWellFormed = false

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    isWellFormed = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    names.append(name)
    if name == "circle" { circles.append(attributes["cx"].flatMap { Double($0) } ?? .nan) }
    guard name == "polyline" else { return }
    polylines.append(
      (attributes["points"] ?? "").split(separator: " ").map { point in
        let numbers = point.split(separator: ",").compactMap { Double($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : (.nan, .nan)
      })
  }
}

@Suite struct PlotTests {
  /// Samples that a run can really give, and some that it should not.
  static let samples: [[Double]] = [
    [], [0], [5], [0, 0, 0], [1e7, 0, 0, 2e7], [.nan, .infinity, -1, 3], [1e-9, 1e15],
  ]

  private func page(_ values: [Double], marks: [ThroughputPlot.Mark] = []) -> String {
    let samples = values.enumerated().map {
      ThroughputPlot.Sample(seconds: Double($0.offset + 1) / 10, perSecond: $0.element)
    }
    let plot = ThroughputPlot(
      title: "<plot> & \"title\"", unit: "words", seconds: Double(values.count) / 10,
      samples: samples,
      bands: [
        .init(from: 0, to: 0.2, tone: .native, label: "a < b", detail: "x & y"),
        .init(from: -1, to: 99, tone: .plain, label: "too wide", detail: ""),
      ], marks: marks)
    return RunPage(
      title: "A & B", summary: "<script>", verdict: .init("so <it> is", holds: true),
      plots: [plot],
      tables: [
        RunTable(
          "t", columns: [.words("a"), .numbers("b")], rows: [["<1>", "2"], ["3", "4"]])
      ],
      facts: [.init("machine", "<&>")]
    ).html()
  }

  @Test(arguments: samples)
  func pageIsWellFormedAndAllPointsLieInThePlot(values: [Double]) {
    let reading = Reading(page(values))
    #expect(reading.isWellFormed)
    #expect(reading.names.count { $0 == "svg" } == 2)
    #expect(reading.names.count { $0 == "td" } == 4)
    #expect(reading.names.contains("dd"))
    for (line, width) in zip(reading.polylines, [920.0, 420.0]) {
      #expect(line.isEmpty == values.isEmpty)
      #expect(line.allSatisfy { (64...width).contains($0.x) && (0...400).contains($0.y) })
      #expect(zip(line, line.dropFirst()).allSatisfy { $0.x <= $1.x })
    }
  }

  @Test func spreadsLieInThePlot() throws {
    let wide = Array(repeating: 0.0, count: 101) + Array(repeating: 12, count: 99) + [1e6]
    let plot = SpreadPlot(
      title: "<gaps>",
      groups: [
        .init("a & b", [.init("x", try #require(Spread(wide)))]),
        .init("c", [.init("y", try #require(Spread([3])), isFaint: true)]),
        .init("d", []),
      ])
    let html = RunPage(title: "", summary: "", spreads: [plot]).html()
    let reading = Reading(html)
    #expect(reading.isWellFormed)
    // Three for each bar, at both widths.
    #expect(reading.circles.count == 12)
    #expect(reading.circles.allSatisfy { (84...920).contains($0) })
    // The first bar at the first width, in order.
    #expect(reading.circles[0] < reading.circles[1] && reading.circles[1] < reading.circles[2])
    #expect(html.contains(">1 s<") && html.contains(">10 µs<"))
  }

  @Test func fewRunsHaveNoQuantiles() throws {
    let runs = try #require(Spread([0.3, 5, 0.4]))
    let plot = SpreadPlot(title: "", groups: [.init("a", [.init(fewRuns: runs, in: 1e6)])])
    let html = RunPage(title: "", summary: "", spreads: [plot]).html()
    let reading = Reading(html)
    #expect(reading.isWellFormed)
    // The median and the longest, at both widths; the line begins left of both.
    #expect(reading.circles.count == 4 && reading.circles[0] < reading.circles[1])
    #expect(html.contains("shortest 300 ms, median 400 ms, longest 5.00 s"))
    #expect(html.contains("from the shortest to the longest") && !html.contains("p99"))
  }

  @Test func pageNeedsNothingButItself() {
    let page = page([1, 2, 3])
    let address = "http://www.w3.org/2000/svg"
    #expect(!page.replacingOccurrences(of: address, with: "").contains("http"))
    #expect(!page.contains("<script"))
    #expect(!page.contains("{{"))
  }

  @Test func samplesOfALongRunAreAveraged() {
    let plot = ThroughputPlot(
      title: "", unit: "", seconds: 1000,
      samples: (0..<1000).map {
        .init(seconds: Double($0), perSecond: $0.isMultiple(of: 2) ? 0 : 2)
      }
    )
    let few = plot.samples(atMost: 100)
    #expect(few.count == 100)
    #expect(few.allSatisfy { $0.perSecond == 1 })
    #expect(few.last?.seconds == 999)
  }

  @Test func hundredsOfMarksDoNotPushThePlotAway() {
    let marks = (0..<300).map { ThroughputPlot.Mark(seconds: Double($0) / 100, label: "switch") }
    let reading = Reading(page([1, 2, 3], marks: marks))
    #expect(reading.isWellFormed)
    #expect(reading.polylines.allSatisfy { $0.allSatisfy { $0.y < 500 } })
  }

  @Test func scalesEncloseTheirValues() {
    for values in PlotTests.samples {
      let scale = ThroughputScale(values)
      #expect(scale.bottom < scale.top)
      #expect(!scale.ticks.isEmpty)
      #expect(values.allSatisfy { (0...1).contains(scale.position($0)) })
    }
    let scale = ThroughputScale([3_000, 2e6])
    #expect(scale.ticks.map(\.label) == ["1 k", "10 k", "100 k", "1 M", "10 M"])
    #expect(abs(scale.position(1e5) - 0.5) < 1e-9)
    #expect(ThroughputScale([0, 3_000]).ticks.map(\.label) == ["0", "1 k", "10 k"])
  }

  @Test func timeHasRoundTicks() {
    #expect(
      TimeScale(end: 15, limit: 8).ticks.map(\.label) == [
        "0", "2", "4", "6", "8", "10", "12", "14",
      ])
    #expect(
      TimeScale(end: 0.5, limit: 5).ticks.map(\.label) == ["0", "0.1", "0.2", "0.3", "0.4", "0.5"])
    for end in [0, -1, .nan, .infinity, 1e-6, 1e6] {
      let scale = TimeScale(end: end, limit: 10)
      #expect((1...11).contains(scale.ticks.count))
      #expect((0...1).contains(scale.position(end.isNaN ? 1 : end)))
    }
  }

  @Test func labelsInOneLaneDoNotTouch() {
    var lanes = LabelLanes(gap: 5)
    let placed = [0.0...10, 5.0...20, 14.0...30, 26.0...40, 27.0...50].map { lanes.place($0) }
    #expect(placed == [0, 1, 2, 0, 1])
    #expect(lanes.count == 3)
  }
}
