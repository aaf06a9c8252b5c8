/// What is plotted: throughput over time, with bands of time and marks in it.
public struct ThroughputPlot: Sendable {
  /// The throughput between the sample before and this one.
  public struct Sample: Sendable {
    /// When, in seconds after the start of the run.
    public let seconds: Double
    /// How much per second.
    public let perSecond: Double

    /// `seconds` after the start of the run.
    public init(seconds: Double, perSecond: Double) {
      self.seconds = seconds
      self.perSecond = perSecond
    }
  }

  /// A stretch of time under one condition.
  public struct Band: Sendable {
    /// Which of the page's tints the band has, and so which bands look alike.
    public enum Tone: String, Sendable, CaseIterable { case native, paravirtual, testAndSet, plain }

    let start: Double
    let end: Double
    let tone: Tone
    let label: String
    let detail: String

    /// From `start` to `end` in seconds, headed by two short lines.
    public init(from start: Double, to end: Double, tone: Tone, label: String, detail: String) {
      self.start = start
      self.end = end
      self.tone = tone
      self.label = label
      self.detail = detail
    }
  }

  /// An event, drawn as a line across the plot.
  public struct Mark: Sendable {
    let seconds: Double
    let label: String

    /// `seconds` after the start of the run.
    public init(seconds: Double, label: String) {
      self.seconds = seconds
      self.label = label
    }
  }

  let title: String
  let unit: String
  let seconds: Double
  let samples: [Sample]
  let bands: [Band]
  let marks: [Mark]

  /// A plot of `seconds` of a run; `unit` says what is counted per second.
  public init(
    title: String, unit: String, seconds: Double, samples: [Sample], bands: [Band] = [],
    marks: [Mark] = []
  ) {
    self.title = title
    self.unit = unit
    self.seconds = max(seconds, samples.last?.seconds ?? 0)
    self.samples = samples
    self.bands = bands.sorted { $0.start < $1.start }
    self.marks = marks.sorted { $0.seconds < $1.seconds }
  }

  /// Means over equal stretches of time, so that a long run does not make a heavy page.
  package func samples(atMost limit: Int) -> [Sample] {
    guard samples.count > limit else { return samples }
    let size = (samples.count + limit - 1) / limit
    return stride(from: 0, to: samples.count, by: size).map { start in
      let group = samples[start..<min(start + size, samples.count)]
      let mean = group.reduce(0) { $0 + $1.perSecond } / Double(group.count)
      return Sample(seconds: samples[group.endIndex - 1].seconds, perSecond: mean)
    }
  }
}
