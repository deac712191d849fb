#pragma once
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "record/queue_entry.h"
#include "rewrite/actions.h"
#include "serve/milter_chain.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// What filters (non_smtpd_milters) make of mail that did not come by SMTP.
struct LocalDecision {
  MilterDecision decision;
  std::string_view where = "END-OF-MESSAGE";  ///< "CONNECT", "MAIL" ...: what they answered so
  std::string recipient;                      ///< the last that they were told of; empty: none yet
  /// Those that were refused for good, alone: while others are left the message goes on without them. One
  /// that is refused for now puts the whole message off, for nobody could be told of it.
  struct RefusedRecipient {
    std::size_t index;  ///< in the entry's recipients
    smtp::Reply reply;
  };
  std::vector<RefusedRecipient> refused;
};

/// Tells filters of such mail all that is before the message, as Postfix does: as if localhost [127.0.0.1]
/// had handed it in, the id from the beginning, and paths without brackets.
boost::asio::awaitable<LocalDecision> tell_local_envelope(MilterChain& chain, const record::QueueEntry& entry,
                                                          Explanation& why);

/// That of a recipient in `refused`.
std::string local_milter_line(const record::QueueEntry& entry,
                              const LocalDecision::RefusedRecipient& refused);
/// The line for the log on a decision that is not go_on: "ID: milter-reject: MAIL from localhost[127.0.0.1]:
/// 5.7.1 no; from=<> to=<a@a.example>".
std::string local_milter_line(const record::QueueEntry& entry, const LocalDecision& decided);
/// Those on what milter_header_checks did.
std::vector<std::string> local_check_lines(const record::QueueEntry& entry, const LocalDecision& decided,
                                           const std::vector<rewrite::CheckNote>& notes);

}  // namespace hikyaku::serve
