import ELFReader

/// The symbols of the running kernel and its modules (/proc/kallsyms), by address.
public struct LiveSymbols: Sendable {
  /// Where `_text` is now.
  public let text: UInt64
  /// What the comparison of the whole text needs.
  public let marks: TextMarks
  private let symbols: [(address: UInt64, name: String)]

  /// Reads their text: address, kind, name, and the module in brackets.
  ///
  /// Nil if it does not say where `_text` is: only root is shown the addresses.
  public init?(kallsyms content: String) {
    var text: UInt64 = 0
    var marks: [String: UInt64] = [:]
    var trampolines: [UInt64] = []
    var symbols: [(address: UInt64, name: String)] = []
    for line in content.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard words.count >= 3, let kind = words[1].first,
        let address = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16)
      else { continue }
      let name = String(decoding: words[2], as: UTF8.self)
      // Those of a module have its name behind them.
      if words.count == 3, TextMarks.names.contains(name) { marks[name] = address }
      guard "tTwW".utf8.contains(kind) else { continue }
      if words.count == 3, name.hasPrefix(TextMarks.trampolinePrefix) {
        trampolines.append(address)
      }
      if name == "_text" { text = address }
      symbols.append((address, name))
    }
    guard text != 0 else { return nil }
    symbols.sort { $0.address < $1.address }
    self.text = text
    self.marks = TextMarks(text: text, addresses: marks, trampolines: trampolines)
    self.symbols = symbols
  }

  /// The function that begins at an address.
  public func name(of address: UInt64) -> String? {
    let index = firstIndex(from: address)
    return index < symbols.count && symbols[index].address == address ? symbols[index].name : nil
  }

  /// `function+0x1f`, or the address where no function is before it.
  public func place(of address: UInt64) -> String {
    let index = firstIndex(from: address &+ 1)
    guard index > 0 else { return hexadecimal(address) }
    let function = symbols[index - 1]
    return "\(function.name)+\(hexadecimal(address - function.address))"
  }

  /// Of the first symbol that is not before an address.
  private func firstIndex(from address: UInt64) -> Int {
    var (low, high) = (0, symbols.count)
    while low < high {
      let middle = (low + high) / 2
      if symbols[middle].address < address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
