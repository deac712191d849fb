#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "milter/macros.h"
#include "milter/packet.h"
#include "milter/protocol.h"

namespace hikyaku::milter {

/// What the MTA offers in its first packet.
struct Offer {
  std::uint32_t version = kVersion;
  std::uint32_t actions = action::all;
  std::uint32_t steps = step::all;

  /// All that `version`, 2 to 6, knows, and no more (milter_protocol). The larger data sizes are not among
  /// it.
  static Offer of_version(std::uint32_t version);
  void append_to(std::string& out) const;
  /// Reads the data of the packet. Fails with Fault::malformed.
  static Result<Offer> parse(std::string_view data);
  auto operator<=>(const Offer&) const = default;
};

/// What the filter answers.
struct Answer {
  std::uint32_t version = kVersion;
  std::uint32_t actions = 0;
  std::uint32_t steps = 0;
  MacroOverrides macros;
  std::vector<std::uint32_t> unknown_stages;  ///< macro lists of stages that there are not, left out

  void append_to(std::string& out) const;
  static Result<Answer> parse(std::string_view data);
  bool operator==(const Answer&) const = default;
};

/// What counts for a connection.
struct Agreement {
  std::uint32_t version = 0;
  std::uint32_t actions = 0;
  std::uint32_t steps = 0;  ///< of both ends, but the NO and NR steps as the filter wants them
  MacroOverrides macros;

  /// The version has `command`: DATA came with 4, unknown commands with 3.
  bool knows(Command command) const;
  /// `command` is sent at all: its version has it, and the filter wants it.
  bool sends(Command command) const;
  /// The filter answers `command`.
  bool answers(Command command) const;
  bool has(std::uint32_t bits) const { return (steps & bits) == bits; }
  /// The most data of a packet.
  std::size_t data_size() const;
};

/// The MTA's end: takes the filter's answer to `offer`. Fails with Fault::malformed when the filter wants a
/// newer version or actions that were not offered, as Postfix does. Steps that were not offered are kept
/// where they only leave something out, since the filter would neither expect nor answer it.
Result<Agreement> agree(const Offer& offer, const Answer& answer);

/// What a filter of ours needs and would like.
struct Wishes {
  std::uint32_t version = kVersion;
  std::uint32_t actions = 0;       ///< needed: without one of them there is no talk
  std::uint32_t steps = 0;         ///< NO, NR and other steps that are taken where they are offered
  std::uint32_t needed_steps = 0;  ///< steps without which there is no talk
  MacroOverrides macros;           ///< told where the MTA lets its lists be set
};

struct Answered {
  Answer answer;
  Agreement agreement;
};
/// The filter's end: answers `offer`. Fails with Fault::permanent, naming what the MTA lacks.
Result<Answered> answer(const Offer& offer, const Wishes& wishes);

}  // namespace hikyaku::milter
