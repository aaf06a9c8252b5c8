import Foundation
import Runs
import Testing

@Suite struct TerminalTests {
  @Test func quantitiesKeepThreeDigits() {
    #expect(
      [0, 999, 999.96, 1_000, 12_345_678, 999_950, 0.25].map(Quantity.count)
        == ["0", "999", "1.00 k", "1.00 k", "12.3 M", "1.00 M", "0.25"])
    #expect(
      [0.5, 812, 999.9, 12_345, 999_900, 1_500_000].map(Quantity.duration(microseconds:))
        == ["0.50 µs", "812 µs", "1.00 ms", "12.3 ms", "1.00 s", "1.50 s"])
    #expect(
      [0, 0.000_010_1, 0.003_456, 1, 1.372, 581.7, .infinity].map(Quantity.ratio)
        == ["0", "0.0000101", "0.00346", "1.00", "1.37", "582", "-"])
    #expect(Quantity.duration(microseconds: 0) == "0 µs")
    #expect(Quantity.exact(1_234_567) == "1,234,567")
    #expect(Quantity.exact(-1_000) == "-1,000")
    #expect(Quantity.exact(12) == "12")
    #expect(
      Quantity.percent(0.1234) == "12.3 %" && Quantity.percent(-0.126, decimals: 0) == "-13 %")
  }

  private func progress(elapsed: Double) -> ProgressLines {
    ProgressLines(
      condition: "paravirtual", tone: .plain, details: ["16 threads", "oversubscribed"],
      position: "3 of 5", unit: "words",
      samples: (0..<150).map {
        .init(seconds: Double($0) / 10, perSecond: pow(10, Double($0 % 9)))
      },
      elapsed: elapsed, total: 15)
  }

  /// A line too long would wrap, and drawing over it would then eat what stands above.
  @Test func progressFitsEveryWidth() {
    for width in 1...200 {
      for elapsed in [0, 7.5, 15, 99] {
        let lines = progress(elapsed: elapsed).lines(width: width, plain: true)
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= max(1, width - 1) }, "at \(width)")
      }
    }
    let narrow = progress(elapsed: 5).lines(width: 40, plain: true)
    #expect(narrow[0].hasPrefix("paravirtual, 16 threads"))
    #expect(narrow[2].contains("33 %"))
  }

  @Test func sparklineShowsACollapseAndWhatIsToCome() {
    let samples = [1e7, 1e7, 1e4, 1e4].enumerated().map {
      ThroughputPlot.Sample(seconds: Double($0.offset) + 0.5, perSecond: $0.element)
    }
    #expect(Sparkline().text(samples, seconds: 8, width: 8) == "██▁▁    ")
    #expect(Sparkline().text([], seconds: 8, width: 4) == "    ")
    #expect(Sparkline().text(samples, seconds: 0, width: 4) == "")
    #expect(Sparkline(plain: true).text([0, 0.4, 1, 7]) == "_=##")
  }

  @Test func cellsStandInColumnsWithoutSpaceBehindThem() {
    let table = RunTable(
      "t", columns: [.numbers("n"), .words("wörd"), .words("last")],
      rows: [["1", "ä", "x"], ["200", "longer", ""]])
    #expect(table.text() == "  n wörd   last\n--- ------ ----\n  1 ä      x\n200 longer\n")
    // Nothing is tinted where standard output is no terminal.
    #expect(table.tinted { _ in .red } + "\n" == table.text())
  }

  @Test func tableTurnsIntoListWhereItIsTooWide() {
    let table = RunTable(
      "t", columns: [.words("phase"), .numbers("rate")], rows: [["one", "1"], ["two", "22"]])
    #expect(table.text(width: 40) == "phase rate\n----- ----\none      1\ntwo     22\n")
    #expect(table.text(width: 9) == "phase  one\nrate   1\n\nphase  two\nrate   22\n")
    #expect(RunTable("t", columns: [.words("a")], rows: []).text(width: 40).isEmpty)
  }
}
