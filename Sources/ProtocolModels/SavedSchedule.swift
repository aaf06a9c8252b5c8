import Foundation
import ModelChecker

/// A schedule as a file holds it: which check it belongs to, every decision, and what it ends in.
public struct SavedSchedule: Codable, Equatable, Sendable {
  /// The version of the format that is written, and the only one that is read.
  public static let format = 1

  /// The version of the format of this one.
  public var format = SavedSchedule.format
  /// The `id` of the check.
  public var check: String
  /// Its bounds when the schedule was written; for people.
  public var bounds: String
  /// Its memory model then.
  public var memoryModel: MemoryModel
  /// What the schedule ends in.
  public var verdict: Flaw
  /// The decisions.
  public var actions: [Action]
  /// What then goes on for ever; of a livelock only.
  public var cycle: [Action]?

  /// A failure of a check.
  public init(_ failure: Failure, of check: Check) {
    self.check = check.id
    bounds = check.bounds
    memoryModel = check.model.program.memoryModel
    verdict = failure.flaw
    actions = failure.schedule
    cycle = failure.cycle.isEmpty ? nil : failure.cycle
  }

  /// Reads the contents of a file.
  public init(_ data: Data) throws(ScheduleError) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      // First the version: another one may hold anything else.
      let format = try decoder.decode(Version.self, from: data).format
      guard format == Self.format else { throw ScheduleError.format(format) }
      self = try decoder.decode(SavedSchedule.self, from: data)
    } catch let error as ScheduleError {
      throw error
    } catch {
      throw .notASchedule(Self.reason(error))
    }
  }

  private struct Version: Decodable {
    var format: Int
  }

  /// The contents of a file.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// A name for its file: that of the check, in characters that need no quoting.
  public var fileName: String {
    let words = check.replacing("->", with: "to").split {
      !($0.isASCII && ($0.isLetter || $0.isNumber))
    }
    return words.joined(separator: "-") + ".json"
  }

  /// The check it belongs to, among all there are.
  public func findCheck() throws(ScheduleError) -> Check {
    guard let found = Check.all.first(where: { $0.id == check }) else {
      throw .unknownCheck(check)
    }
    let now = found.model.program.memoryModel
    guard now == memoryModel else {
      throw .otherMemoryModel(check, recorded: memoryModel, now: now)
    }
    return found
  }

  /// Carries it out; `tell` is told of every operation.
  ///
  /// Returns what it ends in, nil if in nothing bad.
  public func replay(
    on model: any Model, tell: @escaping (Event) -> Void = { _ in }
  ) throws(ScheduleError) -> Flaw? {
    do {
      return try model.replay(actions, cycle: cycle ?? [], tell: tell)
    } catch {
      switch error {
      case .impossible(let index):
        throw .impossible((actions + (cycle ?? []))[index], index: index, check)
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "it has no '\(key.stringValue)'"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "'\(place(context))' is of the wrong kind"
    case DecodingError.dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "it is not JSON" : "'\(place(context))' is wrong: \(sentence(context.debugDescription))"
    default: sentence(error.localizedDescription)
    }
  }

  private static func place(_ context: DecodingError.Context) -> String {
    context.codingPath.map { $0.intValue.map { "\($0 + 1)" } ?? $0.stringValue }
      .joined(separator: " ")
  }

  private static func sentence(_ text: String) -> String {
    text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}

/// Why a file is no schedule that can be carried out.
public enum ScheduleError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Not what `SavedSchedule` writes; why.
  case notASchedule(String)
  /// Of another version of the format.
  case format(Int)
  /// Of a check that there is not.
  case unknownCheck(String)
  /// The check has another memory model now.
  case otherMemoryModel(String, recorded: MemoryModel, now: MemoryModel)
  /// An action is not possible where it stands.
  case impossible(Action, index: Int, String)

  /// In a sentence.
  public var description: String {
    switch self {
    case .notASchedule(let reason):
      "This is no schedule: \(reason); `tidelock verify --output FOLDER` writes schedules."
    case .format(let format):
      "The schedule has format \(format), and this program reads format \(SavedSchedule.format);"
        + " write it anew with `tidelock verify --output FOLDER`."
    case .unknownCheck(let name):
      "The schedule is of a check '\(name)', which this program does not have;"
        + " `tidelock verify --list` shows those it has."
    case .otherMemoryModel(let name, let recorded, let now):
      "The schedule was found under \(recorded.rawValue), and the check '\(name)' runs under"
        + " \(now.rawValue) now; write it anew with `tidelock verify --output FOLDER`."
    case .impossible(let action, let index, let name):
      "Action \(index + 1) of the schedule, '\(action)', is not possible there: the schedule is of"
        + " another version of '\(name)'; write it anew with `tidelock verify --output FOLDER`."
    }
  }
}
