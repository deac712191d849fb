#pragma once
#include <cstdint>
#include <set>
#include <span>

#include "milter/negotiation.h"

namespace hikyaku::milter {

// What many filters together agree on with one MTA.

/// That an MTA may be asked to leave out.
inline constexpr Command kMayBeLeftOut[] = {Command::connect, Command::helo,           Command::mail,
                                            Command::rcpt,    Command::data,           Command::unknown,
                                            Command::header,  Command::end_of_headers, Command::body};

/// What each of them is offered of an MTA's offer: SKIP and all that only leaves something out besides, in
/// the newest version, so that also filters which speak no other can be used.
Offer offer_to_filters(const Offer& mta);
/// The same once the MTA was answered. One that acts is offered no more than what was agreed on, and its own
/// lists of macros; one that looks on all that the MTA has (`actions`), since nothing of it goes there.
enum class Part : unsigned char { acting, looking_on };
Offer offer_to_filters(const Agreement& mta, std::uint32_t actions, Part part);

/// What they need of the MTA.
struct SharedWishes {
  /// Of those that act, and of those that only look on: what these would change is not asked for.
  std::span<const Agreement*const> acting, looking_on;
  std::set<Command> wanted;    ///< asked for though no filter wants it
  std::set<Command> answered;  ///< waited for though no filter answers
  MacroOverrides macros;       ///< wanted besides, where a list is set

  /// Actions, and macros by stage, are all that one of them wants; an event is left out that none wants, and
  /// its reply where none replies. Headers and their end are never replied to: what filters say to them is
  /// told at the next reply, of the body or of the message's end. Where one filter sets a list of macros and
  /// another does not, the MTA is asked for Postfix's list too, since what it has by itself is not known.
  Wishes wishes() const;
};

}  // namespace hikyaku::milter
