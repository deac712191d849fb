#include "serve/pickup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "base/escape.h"
#include "io/maildrop_file.h"
#include "io/synced_files.h"
#include "mail/trace.h"
#include "record/submission.h"
#include "serve/await_commit.h"
#include "serve/check_log.h"
#include "serve/free_space.h"
#include "serve/local_milters.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Event = record::SubmissionReader::Event;

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kInterval{60};  // Postfix's, of its line in master.cf
constexpr std::chrono::hours kAbandoned{24};   // age of an unfinished file that nobody writes any more
constexpr std::size_t kNames = 1000;           // of a folder at a time
constexpr std::size_t kReadSize = 65536;
constexpr const char* kLogTag = "pickup";
constexpr std::string_view kStep = "queue.pickup";

std::unexpected<Error> failure(const std::string& tried, int error) {
  return fail(Fault::temporary, tried + ": " + std::strerror(error));
}

/// The first names of the folder between `after` and `until` (empty: all); what is unfinished and old goes.
Result<std::vector<std::string>> names_between(const fs::path& folder, const std::string& after,
                                               const std::string& until) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    auto name = at->path().filename().string();
    if (io::MaildropFile::is_unfinished_name(name)) {
      std::error_code gone;
      const auto changed = fs::last_write_time(at->path(), gone);
      if (!gone && fs::file_time_type::clock::now() - changed > kAbandoned) fs::remove(at->path(), gone);
    }
    if (name <= after || name.starts_with('.') || (!until.empty() && name >= until)) continue;
    names.insert(std::move(name));
    if (names.size() > kNames) names.erase(std::prev(names.end()));
  }
  if (error) return fail(Fault::temporary, "list " + folder.string() + ": " + error.message());
  return std::vector<std::string>(names.begin(), names.end());
}

std::string login_of(uid_t uid) {
  std::array<char, 16384> space{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, space.data(), space.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_name;
}

/// CRs that end no line are made blanks, as Postfix does (cleanup_replace_stray_cr_lf): no later hop may take
/// one for a line end.
class LocalText {
 public:
  void feed(std::string_view piece, std::string& out) {
    for (const char c : piece) {
      if (pending_cr_ && c != '\n') out += ' ';
      pending_cr_ = c == '\r';
      if (pending_cr_) continue;
      if (c == '\n') out += '\r';
      out += c;
      last_ = c;
    }
  }
  void finish(std::string& out) {
    if (pending_cr_) out += ' ';
    if (pending_cr_ || last_ != '\n') out += "\r\n";
  }

 private:
  bool pending_cr_ = false;
  char last_ = '\n';
};

}  // namespace

/// A file that is being taken.
struct Pickup::File {
  Path path;         // in pickup
  std::string name;  // as it had it in maildrop
  record::QueueId id;
  int descriptor = -1;
  uid_t owner = 0;
  std::string login;  // empty: the user has no name
  record::Submission submission;
  mail::Address sender;
  std::shared_ptr<const Running> running;
  Explanation why;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

Pickup::Pickup(asio::io_context& context, Services& services, io::DeadlineSweep& sweep, Path queue, int watch)
    : services_(services),
      sweep_(sweep),
      maildrop_(queue / "maildrop"),
      taken_(queue / "pickup"),
      corrupt_(queue / "corrupt"),
      watch_(context, watch),
      timer_(context) {}

Pickup::~Pickup() = default;

Result<std::unique_ptr<Pickup>> Pickup::open(asio::io_context& context, Services& services,
                                             io::DeadlineSweep& sweep) {
  const fs::path queue = services.running()->queue_directory;
  for (const auto* name : {"maildrop", "pickup", "corrupt"}) {
    const auto folder = queue / name;
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return failure("make " + folder.string(), errno);
  }
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch < 0) return failure("watch " + (queue / "maildrop").string(), errno);
  if (::inotify_add_watch(watch, (queue / "maildrop").c_str(), IN_MOVED_TO) < 0) {
    const int error = errno;
    ::close(watch);
    return failure("watch " + (queue / "maildrop").string(), error);
  }
  return std::unique_ptr<Pickup>(new Pickup(context, services, sweep, queue, watch));
}

void Pickup::stop() {
  asio::post(timer_.get_executor(), [this] {
    boost::system::error_code ignored;
    watch_.close(ignored);
    timer_.cancel();
  });
}

asio::awaitable<void> Pickup::watch() {
  std::array<char, 4096> events{};
  for (;;) {
    auto [error, got] = co_await watch_.async_read_some(asio::buffer(events), kQuiet);
    if (error) co_return;
    woken_ = true;
    timer_.cancel();
  }
}

asio::awaitable<void> Pickup::run() {
  asio::co_spawn(timer_.get_executor(), watch(), asio::detached);
  while (!services_.stopping) {
    woken_ = false;
    // What can't be taken now stays in pickup under a new id: not again in this pass.
    auto until = services_.ids.next(services_.clock.now()).text();
    co_await take_all(taken_, std::move(until));
    std::string all;
    co_await take_all(maildrop_, std::move(all));
    if (woken_ || services_.stopping) continue;
    timer_.expires_after(kInterval);
    co_await timer_.async_wait(kQuiet);
  }
}

asio::awaitable<Pickup::Taken> Pickup::take_all(Path folder, std::string until) {
  std::string after;
  for (;;) {
    auto list = [&] { return names_between(folder, after, until); };
    const auto names = co_await services_.pool.run(std::move(list));
    if (!names) {
      services_.log.error(kLogTag, escaped(names.error().text));
      co_return Taken::later;
    }
    if (names->empty()) co_return Taken::done;
    for (const auto& name : *names) {
      if (services_.stopping) co_return Taken::later;
      auto path = folder / name;
      const auto taken = co_await take(std::move(path));
      if (taken == Taken::later && services_.queue_commits.pressure() == io::GroupCommitter::Pressure::high)
        co_return Taken::later;
    }
    after = names->back();
  }
}

Result<bool> Pickup::is_known(record::QueueId id, const std::string& name) const {
  const auto pieces = services_.queue.ledger(id);
  if (!pieces) return std::unexpected(pieces.error());
  for (const auto& piece : *pieces) {
    const auto entries = Explanation::decode(piece.explanation);
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {
      if (entry.step == kStep && entry.operand == name) return true;
    }
  }
  return false;
}

asio::awaitable<Pickup::Taken> Pickup::take(Path found) {
  File file;
  file.running = services_.running();
  file.path = found;
  file.name = found.filename().string();
  if (found.parent_path() == taken_) {
    // "ID-NAME", left by a crash or by a trouble that may be over.
    const auto dash = file.name.find('-');
    const auto id = record::QueueId::parse(file.name.substr(0, dash));
    if (dash == std::string::npos || !id)
      co_return set_aside(file, {Fault::corrupt, "its name is none that the hub gave"});
    file.name.erase(0, dash + 1);
    auto ask = [this, &file, id] { return is_known(*id, file.name); };
    const auto known = co_await services_.pool.run(std::move(ask));
    if (!known) co_return tell_later(file, known.error().text);
    if (*known) {
      if (::unlink(found.c_str()) != 0) co_return tell_later(file, std::strerror(errno));
      services_.log.info(kLogTag,
                         id->text() + ": was taken before; its file " + escaped(file.name) + " goes");
      co_return Taken::done;
    }
  }
  if (!io::MaildropFile::is_name(file.name))
    co_return set_aside(file, {Fault::corrupt, "its name is none that the sendmail command gives"});
  if (!has_room(*file.running))
    co_return tell_later(file, "the disk has less room than queue_minfree and message_size_limit ask for");
  file.id = services_.ids.next(services_.clock.now());
  auto begin = [this, &file, &found] { return open_file(file, found); };
  const auto opened = co_await services_.pool.run(std::move(begin));
  if (!opened) {
    if (opened.error().fault == Fault::temporary) co_return tell_later(file, opened.error().text);
    co_return set_aside(file, opened.error());
  }
  co_return co_await take_content(file);
}

/// Gives it its place in pickup, and looks who owns it.
Result<void> Pickup::open_file(File& file, const Path& path) {
  file.path = taken_ / (file.id.text() + "-" + file.name);
  if (::rename(path.c_str(), file.path.c_str()) != 0) {
    const int error = errno;
    file.path = path;
    return failure("rename " + path.string(), error);
  }
  if (auto synced = io::sync_path(taken_); !synced) return fail(Fault::temporary, synced.error().text);
  file.descriptor = ::open(file.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file.descriptor < 0) {
    if (errno == ELOOP) return fail(Fault::corrupt, "it is a symbolic link");
    return failure("open " + file.path.string(), errno);
  }
  struct stat facts {};
  if (::fstat(file.descriptor, &facts) != 0) return failure("look at " + file.path.string(), errno);
  if (!S_ISREG(facts.st_mode)) return fail(Fault::corrupt, "it is no regular file");
  if (facts.st_nlink != 1) return fail(Fault::corrupt, "it has other names: its owner may not be its writer");
  file.owner = facts.st_uid;
  file.login = login_of(file.owner);
  return {};
}

/// May this user do that? Also what the command has asked already: another program may have written the file.
Result<void> Pickup::look_at_owner(File& file) const {
  const auto& who = file.running->local_mail.who;
  const auto number = std::to_string(file.owner);
  const auto may = who.may_submit(file.login.empty() ? number : file.login);
  if (!may) return std::unexpected(may.error());
  if (!*may)
    return fail(Fault::permanent, "authorized_submit_users does not let user " + number + " submit mail");
  if (file.submission.sender) {
    file.sender = std::move(*file.submission.sender);
  } else {
    auto own = mail::Address::from_internal(file.login.empty() ? number : file.login);
    if (!own) return fail(Fault::corrupt, own.error().text);
    file.sender = *std::move(own);
  }
  const auto as = who.may_send_as(file.login.empty() ? "uid:" + number : file.login, file.sender);
  if (!as) return std::unexpected(as.error());
  if (!*as)
    return fail(Fault::permanent, "local_login_sender_maps does not let user " + number + " send as <" +
                                      file.sender.text() + ">");
  if (file.submission.recipients.empty()) return fail(Fault::corrupt, "it has no recipient");
  return {};
}

Pickup::Taken Pickup::set_aside(const File& file, const Error& why) {
  const auto to = corrupt_ / (services_.ids.next(services_.clock.now()).text() + "-" + file.name);
  if (::rename(file.path.c_str(), to.c_str()) != 0)
    return tell_later(file, "move it to corrupt: " + std::string(std::strerror(errno)));
  services_.log.error(
      kLogTag, escaped(file.name) + ": " + escaped(why.text) + "; it is kept as " + escaped(to.string()));
  return Taken::done;
}

Pickup::Taken Pickup::tell_later(const File& file, const std::string& why) {
  services_.log.warning(kLogTag, escaped(file.name) + ": " + escaped(why) + "; tried again later");
  return Taken::later;
}

std::string Pickup::trace_header(const File& file) const {
  const auto id = file.id.text();
  const auto software = "Hikyaku, from userid " + std::to_string(file.owner);
  mail::TraceFacts facts;
  facts.by = file.running->hostname;
  facts.software = software;
  facts.queue_id = id;
  facts.time = services_.clock.now();
  return mail::received_header(facts);
}

IncomingEnvelope Pickup::envelope(File& file) const {
  const auto& local = file.running->local_mail;
  auto& submission = file.submission;
  IncomingEnvelope envelope;
  envelope.sender = file.sender;
  envelope.parameters.body = submission.body;
  envelope.parameters.ret = submission.ret;
  envelope.parameters.envid = std::move(submission.envid);
  for (auto& address : submission.recipients) {
    mail::RecipientParameters parameters;
    parameters.notify = submission.notify;
    envelope.recipients.push_back({std::move(address), std::move(parameters)});
  }
  envelope.context = {rewrite::HeaderContext::Kind::local, "local submission"};
  if (submission.from_gateway) {
    const bool completes = !local.rewriter->settings().completion.remote_domain.text.empty();
    envelope.context.kind =
        completes ? rewrite::HeaderContext::Kind::remote : rewrite::HeaderContext::Kind::none;
  }
  envelope.filter = local.content_filter;
  envelope.full_name = std::move(submission.full_name);
  envelope.returns_refused = true;
  envelope.filtered = local.milters != nullptr;
  return envelope;
}

/// Reads the file into a message. Nothing of it is kept unless all of it is whole.
asio::awaitable<Pickup::Taken> Pickup::take_content(File& file) {
  record::SubmissionReader reader;
  LocalText text;
  std::unique_ptr<IncomingMessage> incoming;
  std::uint64_t octets = 0;
  const auto limit = file.running->local_mail.size_limit;
  std::string piece, lines;
  auto* lookups = services_.lookups_for(*file.running);
  for (bool at_end = false;;) {
    const auto event = reader.next();
    if (!event) co_return set_aside(file, event.error());
    lines.clear();
    switch (*event) {
      case Event::need_more: {
        if (at_end) {
          if (!reader.ended()) co_return set_aside(file, {Fault::corrupt, "it is cut short"});
          co_return co_await take_message(file, *incoming);
        }
        auto read = [&file, &piece]() -> Result<void> {
          piece.resize(kReadSize);
          const auto got = ::read(file.descriptor, piece.data(), piece.size());
          if (got < 0) return failure("read " + file.path.string(), errno);
          piece.resize(static_cast<std::size_t>(got));
          return {};
        };
        const auto got = co_await services_.pool.run(std::move(read));
        if (!got) co_return tell_later(file, got.error().text);
        at_end = piece.empty();
        reader.feed(piece);
        continue;
      }
      case Event::head: {
        file.submission = std::move(reader.submission());
        auto ask = [this, &file] { return look_at_owner(file); };
        const auto may = co_await run_lookup(lookups, ask);
        if (!may && may.error().fault == Fault::temporary) co_return tell_later(file, may.error().text);
        if (!may) co_return set_aside(file, may.error());
        services_.log.info(kLogTag, fmt::format("{}: uid={} from=<{}>", file.id.text(), file.owner,
                                                escaped(file.sender.text())));
        file.why.add({.step = kStep,
                      .rule = "maildrop",
                      .origin = {},
                      .keys = {},
                      .failed = {},
                      .operand = file.name,
                      .outcome = "handed in by uid " + std::to_string(file.owner)});
        auto begin = [this, &file] {
          return std::make_unique<IncomingMessage>(
              *file.running->local_mail.rewriter, services_.blob, file.id, services_.clock.now(),
              envelope(file), trace_header(file), file.running->incoming, std::move(file.why));
        };
        incoming = co_await run_lookup(lookups, begin);
        continue;
      }
      case Event::content:
        octets += reader.content().size();
        text.feed(reader.content(), lines);
        break;
      case Event::end:
        text.finish(lines);
        break;
    }
    if (limit != 0 && octets > limit) {
      if (incoming->refusal()) continue;  // what follows is looked at for being whole, and not kept
      incoming->refuse(smtp::Reply{552, {5, 3, 4}, "message file too big"});
      // Its sender is to know it again by its headers.
      lines.resize(lines.rfind('\n', static_cast<std::size_t>(limit) - 1) + 1);
    }
    auto take_lines = [&incoming, &lines] {
      incoming->content(lines);
      return incoming->must_write();
    };
    const bool must_write = co_await run_lookup(lookups, take_lines);
    if (!must_write) continue;
    auto write = [message = incoming.get()] { return message->write_out(); };
    const auto written = co_await services_.pool.run(std::move(write));
    if (!written) co_return tell_later(file, written.error().text);
  }
}

/// What non_smtpd_milters make of it. False: the message is not to be queued as it is; then a refusal() tells
/// that it may be tried again, and none that it is gone.
asio::awaitable<bool> Pickup::pass_milters(File& file, IncomingMessage& incoming) {
  using Kind = MilterDecision::Kind;
  const auto& running = *file.running;
  auto warn = [&log = services_.log](const std::string& line) { log.warning("cleanup", line); };
  MilterChain chain(running.local_mail.milters, sweep_, services_.pool, std::move(warn));
  auto told = co_await tell_local_envelope(chain, incoming.entry(), incoming.ledger());
  auto& decision = told.decision;
  for (const auto& refused : told.refused) {
    services_.log.info("cleanup", local_milter_line(incoming.entry(), refused));
    services_.metrics.rejected();
    auto& recipient = incoming.entry().recipients[refused.index];
    recipient.state = record::RecipientState::bounced;
    recipient.status = refused.reply.enhanced.none() ? "5.0.0" : refused.reply.enhanced.text();
    recipient.reply = refused.reply.text;
  }
  if (running.soft_bounce && !told.refused.empty())
    decision = {Kind::reply, {450, {4, 3, 0}, "a milter refuses a recipient for good (soft_bounce)"}, {}};
  if (decision.kind == Kind::go_on) {
    if (incoming.in_blob()) {
      auto ready = [&incoming] { return incoming.body_ready(); };
      const auto written = co_await services_.pool.run(std::move(ready));
      if (!written) decision = {Kind::reply, {451, {4, 3, 0}, written.error().text}, {}};
    }
    if (decision.kind == Kind::go_on) {
      auto message = incoming.take_for_milters(running.local_mail.size_limit);
      message.lookups = services_.lookups_for(running);
      auto decided = co_await chain.message(message, incoming.ledger());
      for (const auto& line :
           local_check_lines(incoming.entry(), told, std::exchange(message.actions.notes, {})))
        services_.log.info("cleanup", line);
      incoming.give_back(std::move(message));
      if (decided) {
        decision = *std::move(decided);
      } else {
        decision = {Kind::reply, {451, {4, 3, 0}, decided.error().text}, {}};
      }
    }
  }
  co_await chain.close();
  if (decision.kind != Kind::go_on) services_.log.info("cleanup", local_milter_line(incoming.entry(), told));
  switch (decision.kind) {
    case Kind::go_on:
      co_return true;
    case Kind::hold:
      incoming.hold(std::move(decision.reason));
      co_return true;
    case Kind::discard:
      co_return false;
    case Kind::reply:
    case Kind::shutdown:
      services_.metrics.rejected();
      break;
  }
  incoming.refuse(std::move(decision.reply));
  co_return incoming.return_refused();
}

/// It is out of the queue's reach for good, and its file may go.
asio::awaitable<Pickup::Taken> Pickup::note(File& file, Explanation& why) {
  Kv::Batch batch;
  services_.queue.note(batch, file.id, services_.clock.now(), why.bytes());
  co_return co_await end(file, std::move(batch));
}

/// Commits, and then removes the file.
asio::awaitable<Pickup::Taken> Pickup::end(File& file, Kv::Batch batch) {
  const auto committed = co_await commit_synced(services_.queue_commits, std::move(batch));
  if (!committed) co_return tell_later(file, "queue commit: " + committed.error().text);
  // A file that stays is found to be known at the next pass.
  if (::unlink(file.path.c_str()) != 0)
    services_.log.error(
        kLogTag, file.id.text() + ": remove " + escaped(file.path.string()) + ": " + std::strerror(errno));
  co_return Taken::done;
}

asio::awaitable<Pickup::Taken> Pickup::take_message(File& file, IncomingMessage& incoming) {
  auto finish = [&incoming] {
    incoming.finish();
    return true;
  };
  co_await run_lookup(services_.lookups_for(*file.running), finish);
  bool goes_on = !incoming.refusal() && !incoming.discarded();
  if (goes_on && !incoming.returned() && file.running->local_mail.milters) {
    goes_on = co_await pass_milters(file, incoming);
  }
  const auto id = file.id.text(), about = incoming.envelope_facts();
  for (const auto& note : incoming.notes()) {
    services_.log.info("cleanup", check_line({id, "local", about}, note));
  }
  for (const auto& warning : incoming.warnings())
    services_.log.warning("cleanup", id + ": " + escaped(warning));
  if (incoming.refusal()) co_return tell_later(file, incoming.refusal()->line());
  if (!goes_on || incoming.discarded() || incoming.entry().recipients.empty()) {
    services_.log.info("cleanup", id + ": discard: local mail; from=<" + escaped(file.sender.text()) + ">");
    co_return co_await note(file, incoming.ledger());
  }
  if (const auto& refusal = incoming.returned()) {
    services_.log.info("cleanup", id + ": reject: local mail; from=<" + escaped(file.sender.text()) +
                                      ">: " + escaped(refusal->line()));
  }
  if (incoming.in_blob()) {
    auto sync = [&incoming] { return incoming.sync(); };
    const auto synced = co_await services_.pool.run(std::move(sync));
    if (!synced) co_return tell_later(file, synced.error().text);
  }
  services_.log.info("cleanup", id + ": message-id=" + escaped(incoming.message_id()));

  auto active = std::make_shared<ActiveMessage>();
  active->entry = std::move(incoming.entry());
  std::string stored = incoming.take_stored();
  if (active->entry.blob.empty()) active->content = std::make_shared<const std::string>(stored);
  Kv::Batch batch;
  const auto change =
      services_.queue.accept(batch, active->entry, std::move(stored), incoming.ledger().bytes());
  services_.queue.remember_arrival(batch, file.id, incoming.take_arrival());
  active->stored = active->entry;
  const auto ended = co_await end(file, std::move(batch));
  if (ended == Taken::later) co_return ended;
  services_.queue.committed(change);
  services_.metrics.accepted(active->entry.size);
  services_.log.info("qmgr", fmt::format("{}: from=<{}>, size={}, nrcpt={} (queue active)", id,
                                         escaped(active->entry.sender.text()), active->entry.size,
                                         active->entry.recipients.size()));
  services_.admit(std::move(active));
  co_return Taken::done;
}

}  // namespace hikyaku::serve
