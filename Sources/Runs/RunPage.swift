import Foundation
import Mustache

/// A run as a self-contained HTML page: no script, no font, no other file.
public struct RunPage: Sendable {
  /// What the run found.
  public struct Verdict: Sendable {
    let holds: Bool
    let text: String

    /// A sentence, and whether it is a good one.
    public init(_ text: String, holds: Bool) {
      self.text = text
      self.holds = holds
    }
  }

  /// One line of further facts about a run, such as the machine.
  public struct Fact: Sendable {
    /// What it is about.
    public let name: String
    /// What is to be known.
    public let value: String

    /// A name and its value.
    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The heading.
  public var title: String
  /// A sentence or two on what was run.
  public var summary: String
  /// The result, where it is a yes or no.
  public var verdict: Verdict?
  /// Plots, in order.
  public var plots: [ThroughputPlot]
  /// Plots of durations, in order, below those.
  public var spreads: [SpreadPlot]
  /// Tables, in order, below the plots.
  public var tables: [RunTable]
  /// The small print.
  public var facts: [Fact]

  /// A page of these parts, of which only a heading and a summary are required.
  ///
  /// The small print ends with how the run ended, if that is given, the machine and the date; the date is
  /// on every page. A table without rows is left out.
  public init(
    title: String, summary: String, verdict: Verdict? = nil, plots: [ThroughputPlot] = [],
    spreads: [SpreadPlot] = [], tables: [RunTable] = [], facts: [Fact] = [], end: String? = nil
  ) {
    self.title = title
    self.summary = summary
    self.verdict = verdict
    self.plots = plots
    self.spreads = spreads
    self.tables = tables.filter { !$0.isEmpty }
    self.facts =
      facts + (end.map { Machine.current.facts + [.init("end", $0)] } ?? [])
      + [.init("date", Date.now.formatted(.iso8601))]
  }

  /// The whole page.
  public func html() -> String {
    let library = RunPage.templates
    return library.render(content, withTemplate: "page") ?? ""
  }

  /// The templates are part of the program; the tests show that they parse.
  private static let templates: MustacheLibrary = {
    var library = MustacheLibrary()
    for (name, bytes) in [
      ("page", PackageResources.page_mustache), ("plot", PackageResources.plot_mustache),
      ("spread", PackageResources.spread_mustache),
    ] {
      do {
        try library.register(String(decoding: bytes, as: UTF8.self), named: name)
      } catch {
        preconditionFailure("the template '\(name)' does not parse: \(error)")
      }
    }
    return library
  }()
}

extension RunPage {
  /// The page as the template takes it.
  private var content: [String: Any] {
    var content = contentWithoutVerdict
    if let verdict {
      content["verdict"] = verdict.text
      content["verdictTone"] = verdict.holds ? "good" : "bad"
    }
    return content
  }

  private var contentWithoutVerdict: [String: Any] {
    [
      "title": title, "summary": summary, "facts": facts,
      "plots": plots.map { plot -> [String: Any] in
        ["title": plot.title, "drawings": PlotSize.allCases.map { drawing(plot, $0) }]
      },
      "spreads": spreads.map { plot -> [String: Any] in
        ["title": plot.title, "drawings": PlotSize.allCases.map { drawing(plot, $0) }]
      },
      "tables": tables.map { table -> [String: Any] in
        func cells(_ texts: [String]) -> [[String: String]] {
          zip(table.columns, texts).map { column, text in
            ["text": text, "alignment": column.isNumeric ? "number" : "word"]
          }
        }
        return [
          "title": table.title, "head": cells(table.columns.map(\.title)),
          "rows": table.rows.map(cells),
        ]
      },
    ]
  }
}
