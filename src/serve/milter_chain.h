#pragma once
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "config/milter_settings.h"
#include "milter/header_list.h"
#include "milter/macros.h"
#include "serve/milter_connection.h"
#include "serve/milter_edits.h"
#include "serve/spooled_body.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// Which filters were seen to decide before the end of a message: they are told one event after the other. By
/// their names, so that all lists of a configuration know it. Thread-safe.
class EarlyDeciders {
 public:
  std::shared_ptr<std::atomic<bool>> of(const std::string& filter);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<std::atomic<bool>>> known_;
};

/// A list of filters of a configuration, ready to be asked. Immutable.
class MilterSet {
 public:
  struct Filter {
    std::string name;  ///< "inet:127.0.0.1:8891"
    Origin origin;
    MilterConnection::Settings connection;
    bool tell_ahead;
    std::string fault;  ///< nobody can ask it: what smtpd_milter_maps says of it is nonsense
    std::shared_ptr<std::atomic<bool>> decides_early;  ///< see EarlyDeciders
  };

  explicit MilterSet(config::MilterSettings settings)
      : MilterSet(std::move(settings), std::make_shared<EarlyDeciders>()) {}

  const config::MilterSettings& settings() const { return settings_; }
  const std::vector<Filter>& filters() const { return filters_; }
  struct OfClient {
    std::shared_ptr<const MilterSet> set;
    std::string warning;  ///< a table can't answer, and so `set` is that of all clients, as in Postfix
  };
  /// The set for a client: this one, or what smtpd_milter_maps has for its address. May ask a server.
  static OfClient of_client(std::shared_ptr<const MilterSet> set, std::string_view address);

 private:
  MilterSet(config::MilterSettings settings, std::shared_ptr<EarlyDeciders> early);

  config::MilterSettings settings_;
  std::shared_ptr<EarlyDeciders> early_;
  std::vector<Filter> filters_;
};

/// The line for the log on a filter that failed: "milter inet:...: no answer ...", "connect to Milter service
/// ...".
std::string milter_trouble(const std::string& name, std::string_view failure);

/// What the filters together make of an event, or of a message.
struct MilterDecision {
  enum class Kind : unsigned char {
    go_on,
    hold,      ///< take the message into the hold queue
    discard,   ///< take it, and throw it away
    reply,     ///< refuse with `reply`
    shutdown,  ///< refuse with `reply`, 421, and close the connection
  };
  Kind kind = Kind::go_on;
  smtp::Reply reply;
  std::string reason;  ///< of hold
  bool refused() const { return kind == Kind::reply || kind == Kind::shutdown; }
};

/// The filters of one SMTP connection, in the order of their list. On one io_context's thread.
///
/// Each event goes to one filter after the other, until one is against it, as in Postfix. What a filter does,
/// or why it could not be asked, is told to the log and the ledger.
class MilterChain {
 public:
  using Warn = std::function<void(const std::string&)>;

  /// `pool`: for what blocks. `warn` takes lines for the log.
  MilterChain(std::shared_ptr<const MilterSet> set, io::DeadlineSweep& sweep, io::WorkerPool& pool,
              Warn warn);

  bool empty() const { return filters_.empty(); }
  milter::MacroTable& macros() { return macros_; }
  /// Some filter wants to be told of recipients that were refused.
  bool wants_rejected_recipients() const;
  /// Connects to one filter after the other, and tells it of the client. The first event.
  boost::asio::awaitable<MilterDecision> connect(std::string name, milter::ClientAddress address);
  boost::asio::awaitable<MilterDecision> helo(std::string name);
  boost::asio::awaitable<MilterDecision> mail(std::string path, std::vector<std::string> parameters,
                                              Explanation& why);
  boost::asio::awaitable<MilterDecision> rcpt(std::string path, std::vector<std::string> parameters,
                                              milter::ClientSession::Recipient recipient, Explanation& why);
  boost::asio::awaitable<MilterDecision> data(Explanation& why);
  boost::asio::awaitable<MilterDecision> unknown(std::string line);
  /// The whole message, to one filter after the other, each with the changes of those before it. One ledger
  /// entry for each. Fails when the new body can't be written: the message must not be taken.
  boost::asio::awaitable<Result<MilterDecision>> message(MilterMessage& message, Explanation& why);
  /// The message was given up, or is through.
  void abort();
  /// Takes leave of all filters.
  boost::asio::awaitable<void> close();

 private:
  using Session = milter::ClientSession;
  using Verdict = Session::Verdict;
  using Tell = std::function<void(Session&)>;
  struct One {
    One(const MilterSet::Filter& what, io::DeadlineSweep& sweep);
    const MilterSet::Filter& filter;
    MilterConnection connection;
    bool failure_told = false;
    std::size_t notes_told = 0;
    std::optional<std::string> quarantine;  // its own reason, for the message that is under way
  };

  boost::asio::awaitable<void> begin(One& one);
  boost::asio::awaitable<void> renew(std::unique_ptr<One>& one);
  boost::asio::awaitable<MilterDecision> ask(std::string_view event, Tell tell, Explanation* why);
  boost::asio::awaitable<bool> heed(One& one, std::string_view event, Explanation* why, MilterDecision& all);
  boost::asio::awaitable<Verdict> tell_content(One& one, const milter::HeaderList& headers,
                                               const SpooledBody& body);
  boost::asio::awaitable<Verdict> answer(One& one);
  boost::asio::awaitable<Result<Verdict>> end_of_message(One& one, MilterMessage& message);
  boost::asio::awaitable<Result<void>> append_body(MilterMessage& message, std::string octets);
  boost::asio::awaitable<Result<Verdict>> one_message(One& one, MilterMessage& message,
                                                      milter::HeaderList& headers, Explanation& why);
  void tell_trouble(One& one, const Verdict& verdict);
  void keep_quarantine();
  void forget_quarantine();

  std::shared_ptr<const MilterSet> set_;
  io::DeadlineSweep& sweep_;
  io::WorkerPool& pool_;
  Warn warn_;
  std::vector<std::unique_ptr<One>> filters_;
  milter::MacroTable macros_;
  // Of the client, for filters that are connected to again.
  std::string client_name_;
  milter::ClientAddress client_address_;
  std::optional<std::string> helo_;
  // Of the filter that is at the end of the message:
  std::vector<milter::Edit> edits_;
  std::unique_ptr<SpooledBody> new_body_;
  milter::BodyReplacement replacement_;
  std::size_t new_bodies_ = 0;
  std::optional<std::string> quarantine_;        // the reason, of this message
  std::optional<std::string> early_quarantine_;  // of the one that is to come
};

}  // namespace hikyaku::serve
