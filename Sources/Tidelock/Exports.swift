// The types of the interface that lower floors declare, one by one: whoever imports `Tidelock` finds them and
// their members, also under MemberImportVisibility, and no other name of those floors.

@_exported public import enum CodePatching.PatchError
@_exported public import enum CodePatching.PokeMethod
@_exported public import enum LockPlatform.Implementation
@_exported public import enum LockPlatform.LockOperation
@_exported public import enum LockPlatform.LockSet
@_exported public import enum LockSwitching.Accounting
@_exported public import struct LockSwitching.Batch
@_exported public import enum LockSwitching.LookFailure
@_exported public import enum LockSwitching.Phase
@_exported public import struct LockSwitching.ReportStep
@_exported public import enum LockSwitching.StepKind
@_exported public import enum LockSwitching.StopMode
@_exported public import enum LockSwitching.SwitchFailure
@_exported public import struct LockSwitching.SwitchOptions
@_exported public import enum LockSwitching.SwitchProtocol
@_exported public import enum LockSwitching.SwitchReason
@_exported public import struct LockSwitching.SwitchReport
@_exported public import enum LockSwitching.SwitchResult
@_exported public import struct SwitchPolicy.Decision
@_exported public import struct SwitchPolicy.DecisionLog
@_exported public import enum SwitchPolicy.DedicationHint
@_exported public import struct SwitchPolicy.PerSet
@_exported public import enum SwitchPolicy.PolicyReason
