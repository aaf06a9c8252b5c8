extension ELFFile {
  /// The linker's build id, which no two different builds share; nil if the file has none.
  ///
  /// - Throws: ``ELFError`` if the notes are damaged.
  public func buildID() throws(ELFError) -> [UInt8]? {
    for segment in segments where segment.holdsNotes {
      let part = "notes at \(hexadecimal(segment.address))"
      let notes = try slice(segment.offset, segment.fileSize, part: part)
      if let id = try Self.buildID(in: notes, part: part, file: name) { return id }
    }
    for section in sections where section.type == SectionType.note {
      let part = "section \(section.name)"
      if let id = try Self.buildID(in: contents(of: section), part: part, file: name) { return id }
    }
    return nil
  }

  /// Looks through notes: lengths of name and content, type, name, content, padded to 4 bytes.
  private static func buildID(
    in notes: ArraySlice<UInt8>, part: String, file: String
  ) throws(ELFError) -> [UInt8]? {
    let buildIDType: UInt32 = 3
    var rest = notes
    while rest.count >= 12 {
      let nameLength = Int(rest.littleEndian(at: 0, as: UInt32.self) ?? 0)
      let contentLength = Int(rest.littleEndian(at: 4, as: UInt32.self) ?? 0)
      let contentStart = 12 + padded(nameLength)
      guard contentLength <= rest.count, contentStart <= rest.count - contentLength else {
        throw .malformed(file: file, detail: "a note in its \(part) is longer than the notes")
      }
      let content = rest.dropFirst(contentStart).prefix(contentLength)
      if rest.littleEndian(at: 8) == buildIDType,
        rest.dropFirst(12).prefix(nameLength).elementsEqual("GNU\0".utf8)
      {
        return Array(content)
      }
      rest = rest.dropFirst(contentStart + padded(contentLength))
    }
    return nil
  }

  private static func padded(_ length: Int) -> Int { (length + 3) & ~3 }
}
