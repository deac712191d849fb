#pragma once
#include <expected>
#include <string>
#include <vector>

#include "probe/message_draft.h"
#include "probe/send_arguments.h"
#include "probe/send_request.h"

namespace hikyaku::probe {

/// Where what is not on the command line comes from.
class SendSources {
 public:
  SendSources() = default;
  SendSources(const SendSources&) = delete;
  SendSources& operator=(const SendSources&) = delete;
  virtual ~SendSources() = default;
  /// The content of a file. Fault::not_found: there is no such one.
  virtual Result<std::string> file(const std::string& path) = 0;
  /// All of stdin; the same however often it is asked for.
  virtual Result<std::string> input() = 0;
  /// One line that a person types; `hidden`: it is not shown while it is typed.
  virtual Result<std::string> ask(const std::string& prompt, bool hidden) = 0;
};

/// What the machine and the moment give.
struct SendSurroundings {
  std::string user;  ///< for a sender that was not given
  std::string host;  ///< this host's name; empty: not known
  DraftFacts facts;  ///< but for from and to
};

/// Why nothing is sent.
struct SendRefusal {
  SendExit exit = SendExit::arguments;
  std::string text;
};

/// Asks for the values that options came without, and reads the files and stdin that content options name. A
/// content without '@' that is the name of a file is taken for it as swaks 20201014 does, with a warning.
Result<void> fetch_contents(SendArguments& arguments, SendSources& sources,
                            std::vector<std::string>& warnings);

/// All of --data, --body, --header, --attach and so on. After fetch_contents().
MessageDraft draft_of(const SendArguments& arguments, std::vector<std::string>& warnings);

struct SendPlan {
  SendRequest request;
  MessageDraft draft;
  DraftFacts facts;
};

/// The options as one request, but for `content`, and for the password of --password-file and --password-fd:
/// with authentication the user and another password are asked of `sources`, as is a recipient that is
/// needed.
std::expected<SendPlan, SendRefusal> plan_of(SendArguments& arguments, const SendSurroundings& surroundings,
                                             SendSources& sources, std::vector<std::string>& warnings);

}  // namespace hikyaku::probe
