import Foundation

/// Numbers as people read them: three digits that matter and a unit, the same in every locale.
public enum Quantity {
  /// `12.3 M` for 12,345,678; the unit of what is counted follows in the caller's words.
  public static func count(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let steps: [(Double, String)] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")]
    // 999,950 would print as 1000 k: what rounds up to the next unit takes the next unit.
    for (size, suffix) in steps where value.magnitude >= size * 0.9995 {
      return significant(value / size) + suffix
    }
    return value == value.rounded() ? String(Int(value)) : significant(value)
  }

  /// `1,234,567`.
  public static func exact(_ value: Int) -> String {
    var digits = String(value.magnitude)
    var index = digits.endIndex
    while digits.distance(from: digits.startIndex, to: index) > 3 {
      index = digits.index(index, offsetBy: -3)
      digits.insert(",", at: index)
    }
    return value < 0 ? "-" + digits : digits
  }

  /// `1 file`, `1,234 files`.
  public static func exact(_ value: Int, _ noun: String) -> String {
    exact(value, noun, noun + "s")
  }

  /// `1 switch`, `1,234 switches`: a noun whose plural takes more than an s.
  public static func exact(_ value: Int, _ noun: String, _ plural: String) -> String {
    exact(value) + " " + (value == 1 ? noun : plural)
  }

  /// `812 µs`, `12.3 ms` or `1.50 s`.
  public static func duration(microseconds: Double) -> String {
    guard microseconds.isFinite else { return "-" }
    if microseconds.magnitude >= 999_500 { return significant(microseconds / 1e6) + " s" }
    if microseconds.magnitude >= 999.5 { return significant(microseconds / 1e3) + " ms" }
    return significant(microseconds) + " µs"
  }

  /// `0.00345`, `1.37` or `582`.
  public static func ratio(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    guard value > 0, value < 99.95 else { return String(format: "%.0f", value) }
    // Never an exponent, however small it is.
    return String(format: "%.\(max(0, 2 - Int(floor(log10(value)))))f", value)
  }

  /// `12.3 %` for 0.123.
  public static func percent(_ share: Double, decimals: Int = 1) -> String {
    String(format: "%.\(decimals)f %%", share * 100)
  }

  private static func significant(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    let decimals = value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2
    return String(format: "%.\(decimals)f", value)
  }
}

extension Duration {
  /// The whole duration in seconds.
  public var seconds: Double { self / .seconds(1) }
}
