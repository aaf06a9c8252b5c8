/// A few lines at the bottom of a terminal that are redrawn in place.
///
/// The cursor is hidden from the first drawing to `close`, which must be called on every way out.
public struct LiveLines {
  private let terminal: Terminal
  private var drawn = 0

  /// Nothing is drawn yet.
  public init(_ terminal: Terminal) { self.terminal = terminal }

  /// Draws lines over the previous ones; each must fit into the width.
  public mutating func draw(_ lines: [String]) {
    var text = drawn == 0 ? "\u{1B}[?25l" : toStart
    text += lines.map { "\u{1B}[2K" + $0 }.joined(separator: "\n")
    // Where the terminal's echo of Ctrl-C cannot wrap into another line.
    text += "\r"
    terminal.write(text)
    drawn = lines.count
  }

  /// Prints a sentence above them, where it stays.
  public mutating func print(_ sentence: String) {
    close()
    terminal.write(paragraph: sentence)
  }

  /// Removes the lines and shows the cursor.
  public mutating func close() {
    if drawn > 0 { terminal.write(toStart + "\u{1B}[J\u{1B}[?25h") }
    drawn = 0
  }

  private var toStart: String { drawn > 1 ? "\r\u{1B}[\(drawn - 1)A" : "\r" }
}
