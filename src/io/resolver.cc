#include "io/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "io/thread_confinement.h"

namespace hikyaku::io {
namespace {

/// A name in wire form (RFC 1035 s. 3.1) as text without the last dot; "." for the root. What would be
/// ambiguous in text becomes '?'.
std::string wire_name(std::string_view wire) {
  std::string text;
  while (!wire.empty() && wire.front() != 0) {
    const auto length = static_cast<unsigned char>(wire.front());
    if (length > 63 || wire.size() < length + 1U) return {};
    if (!text.empty()) text += '.';
    for (const char c : wire.substr(1, length)) {
      const auto octet = static_cast<unsigned char>(c);
      text += octet <= 0x20 || octet >= 0x7f || c == '.' || c == '\\' ? '?' : c;
    }
    wire.remove_prefix(length + 1U);
  }
  return text.empty() ? "." : text;
}

std::string address_text(int family, std::string_view octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (octets.size() != (family == AF_INET ? 4U : 16U)) return {};
  return inet_ntop(family, octets.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

DnsReply::Record record_of(Resolver::Type type, std::string_view octets) {
  DnsReply::Record record;
  switch (type) {
    case Resolver::Type::a:
      record.text = address_text(AF_INET, octets);
      break;
    case Resolver::Type::aaaa:
      record.text = address_text(AF_INET6, octets);
      break;
    case Resolver::Type::mx:
      if (octets.size() < 3) break;
      record.preference = static_cast<std::uint16_t>((static_cast<unsigned char>(octets[0]) << 8) |
                                                     static_cast<unsigned char>(octets[1]));
      record.text = wire_name(octets.substr(2));
      break;
    case Resolver::Type::ns:
    case Resolver::Type::ptr:
      record.text = wire_name(octets);
      break;
    case Resolver::Type::txt:
      while (!octets.empty()) {
        const auto length =
            std::min<std::size_t>(static_cast<unsigned char>(octets.front()), octets.size() - 1);
        record.text += octets.substr(1, length);
        octets.remove_prefix(length + 1);
      }
      break;
  }
  return record;
}

}  // namespace

namespace {

/// Labels of 1 to 63 octets, 253 octets in all (RFC 1035 s. 3.1); a last dot is allowed. libunbound would
/// tell such a name like any other failure; it would end a name at a NUL and take a backslash for an escape,
/// and so ask for another name than the one that is meant.
bool can_be_asked_for(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  const auto strange = [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet <= 0x20 || octet == 0x7f || c == '\\';
  };
  if (std::ranges::any_of(name, strange)) return false;
  for (;;) {
    const auto length = std::min(name.find('.'), name.size());
    if (length == 0 || length > 63) return false;
    if (length == name.size()) return true;
    name.remove_prefix(length + 1);
  }
}

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr std::chrono::seconds kLongestKept{3600}, kNativeKept{60}, kFailureKept{5};
constexpr int kNoSuchName = 3, kNoError = 0;  // rcodes, RFC 1035 s. 4.1.1
constexpr int kInternet = 1;                  // the class IN

DnsReply temporary() {
  DnsReply reply;
  reply.status = DnsReply::Status::temporary;
  return reply;
}

DnsReply reply_of(Resolver::Type type, const ub_result& result) {
  if (result.bogus != 0 || (result.rcode != kNoError && result.rcode != kNoSuchName)) return temporary();
  DnsReply reply;
  if (result.havedata != 0) {
    for (int i = 0; result.data[i] != nullptr; ++i) {
      reply.records.push_back(record_of(type, {result.data[i], static_cast<std::size_t>(result.len[i])}));
    }
  }
  reply.secure = result.secure != 0;
  reply.status = reply.records.empty() ? DnsReply::Status::none : DnsReply::Status::found;
  return reply;
}

}  // namespace

/// Answers that may be given again.
class Resolver::Kept {
 public:
  explicit Kept(std::size_t limit) : limit_(limit) {}
  static std::string key(std::string_view kind, const std::string& name, Type type) {
    std::string key(kind);
    key += std::to_string(static_cast<unsigned>(type));
    key += ' ';
    for (const char c : name) key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return key;
  }
  std::optional<DnsReply> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(key);
    if (found == answers_.end() || found->second.until <= std::chrono::steady_clock::now())
      return std::nullopt;
    return found->second.reply;
  }
  void keep(std::string key, const DnsReply& reply, std::chrono::seconds lifetime) {
    if (reply.status == DnsReply::Status::temporary) lifetime = std::min(lifetime, kFailureKept);
    if (lifetime.count() <= 0) return;
    const std::lock_guard lock(mutex_);
    // All at once: simple, and what is still wanted comes back from libunbound's own memory.
    if (answers_.size() >= limit_) answers_.clear();
    answers_.insert_or_assign(
        std::move(key), Answer{reply, std::chrono::steady_clock::now() + std::min(lifetime, kLongestKept)});
  }

 private:
  struct Answer {
    DnsReply reply;
    SteadyTime until;
  };
  const std::size_t limit_;
  std::mutex mutex_;
  std::unordered_map<std::string, Answer> answers_;
};

/// The questions that libunbound works on in its own thread, and the thread that takes its answers.
class Resolver::Questions {
 public:
  using Done = std::move_only_function<void(DnsReply, std::chrono::seconds)>;

  explicit Questions(const Settings& settings)
      : timeout_(settings.timeout), unbound_(ub_ctx_create()), wake_(::eventfd(0, EFD_CLOEXEC)) {
    if (unbound_ == nullptr || wake_ < 0) return;
    ub_ctx_debugout(unbound_, nullptr);
    // First of all: once a zone is added it is too late, and libunbound would fork a process for its work,
    // with all of our connections and locks.
    ub_ctx_async(unbound_, 1);
    // A server on loopback is the administrator's own.
    ub_ctx_set_option(unbound_, "do-not-query-localhost:", "no");
    // Questions without an answer yet, each with a socket. Of the usual 16 a few dead domains would take all.
    ub_ctx_set_option(unbound_, "outgoing-range:", "1024");
    ub_ctx_set_option(unbound_, "num-queries-per-thread:", "1024");
    // A server that was down for a minute would else be left alone for the next 15.
    ub_ctx_set_option(unbound_, "infra-keep-probing:", "yes");
    ub_ctx_set_option(unbound_, "infra-host-ttl:", "60");
    // libunbound answers for these zones by itself, though the servers of an intranet may well know them.
    ub_ctx_set_option(unbound_, "unblock-lan-zones:", "yes");
    ub_ctx_set_option(unbound_, "insecure-lan-zones:", "yes");
    if (settings.forward.empty()) {
      ub_ctx_resolvconf(unbound_, nullptr);
    } else {
      ub_ctx_set_fwd(unbound_, settings.forward.c_str());
    }
    if (!settings.trust_anchor_file.empty()) ub_ctx_add_ta_file(unbound_, settings.trust_anchor_file.c_str());
    ub_ctx_hosts(unbound_, nullptr);
    for (const auto* zone : {"test.", "home.arpa.", "127.in-addr.arpa."})
      ub_ctx_zone_add(unbound_, zone, "transparent");
    ub_ctx_data_add(unbound_, "1.0.0.127.in-addr.arpa. 10800 IN PTR localhost.");
    thread_ = std::thread([this] { take_answers(); });
  }
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;
  ~Questions() {
    stop();
    if (unbound_ != nullptr) ub_ctx_delete(unbound_);
    if (wake_ >= 0) ::close(wake_);
  }

  void ask(const std::string& name, Type type, Done done) {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable() || stopping_) {
      lock.unlock();
      return done(temporary(), {});
    }
    const auto number = ++last_;
    auto& question = *open_.emplace(number, std::make_unique<Question>()).first->second;
    question.questions = this;
    question.number = number;
    question.type = type;
    question.until = std::chrono::steady_clock::now() + timeout_;
    question.done = std::move(done);
    const bool first = open_.size() == 1;
    const auto resolve = [&] {
      return ub_resolve_async(unbound_, name.c_str(), static_cast<int>(type), kInternet, &question, answered,
                              &question.id);
    };
    // libunbound makes its thread now, which must have sockets, whoever asks first.
    const int error = number == 1 ? by_opener(resolve) : resolve();
    if (error == 0) {
      if (first) wake();
      return;
    }
    auto refused = take(number);
    lock.unlock();
    auto reply = temporary();
    if (error == UB_SYNTAX) reply.status = DnsReply::Status::malformed;
    refused(std::move(reply), {});
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    if (!thread_.joinable()) return;
    wake();
    thread_.join();
    for (auto& [number, question] : std::exchange(open_, {})) {
      ub_cancel(unbound_, question->id);
      question->done(temporary(), {});
    }
  }

 private:
  struct Question {
    Questions* questions = nullptr;
    std::uint64_t number = 0;
    Type type = Type::a;
    int id = 0;  // libunbound's
    SteadyTime until;
    Done done;
  };

  void wake() const {
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) return;  // full: it wakes all the same
  }

  /// Under the lock.
  Done take(std::uint64_t number) {
    const auto found = open_.find(number);
    auto done = std::move(found->second->done);
    open_.erase(found);
    return done;
  }

  /// Called by ub_process(), on our thread.
  static void answered(void* data, int error, ub_result* raw) {
    auto& question = *static_cast<Question*>(data);
    const std::unique_ptr<ub_result, decltype(&ub_resolve_free)> result(raw, ub_resolve_free);
    auto reply = error == 0 && raw != nullptr ? reply_of(question.type, *raw) : temporary();
    const std::chrono::seconds lifetime{error == 0 && raw != nullptr ? raw->ttl : 0};
    auto& all = *question.questions;
    std::unique_lock lock(all.mutex_);
    auto done = all.take(question.number);
    lock.unlock();
    done(std::move(reply), lifetime);
  }

  void take_answers() {
    for (;;) {
      int wait = -1;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        if (!open_.empty()) {
          const auto left = open_.begin()->second->until - std::chrono::steady_clock::now();
          wait = static_cast<int>(
              std::max<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0));
        }
      }
      std::array<pollfd, 2> ready{{{ub_fd(unbound_), POLLIN, 0}, {wake_, POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), wait);
      std::uint64_t count = 0;
      if (ready[1].revents != 0 && ::read(wake_, &count, sizeof count) < 0) continue;
      if (ready[0].revents != 0) ub_process(unbound_);
      give_up();
    }
  }

  /// All have the same time, so the oldest are in front.
  void give_up() {
    std::vector<Done> late;
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      while (!open_.empty() && open_.begin()->second->until <= now) {
        ub_cancel(unbound_, open_.begin()->second->id);
        late.push_back(take(open_.begin()->first));
      }
    }
    for (auto& done : late) done(temporary(), {});
  }

  const std::chrono::milliseconds timeout_;
  ub_ctx* unbound_;
  int wake_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<Question>> open_;
  std::uint64_t last_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

Resolver::Resolver(const Settings& settings)
    : kept_(std::make_unique<Kept>(settings.kept)),
      questions_(std::make_unique<Questions>(settings)),
      pool_(settings.threads) {}

Resolver::~Resolver() { stop(); }

void Resolver::stop() {
  stopped_ = true;
  questions_->stop();
  pool_.stop();
}

boost::asio::awaitable<DnsReply> Resolver::query(std::string name, Type type) {
  auto key = Kept::key("dns ", name, type);
  if (auto kept = kept_->find(key)) co_return std::move(*kept);
  if (!can_be_asked_for(name)) {
    DnsReply reply;
    reply.status = DnsReply::Status::malformed;
    co_return reply;
  }
  auto initiate = [this](auto handler, std::string asked, Type kind, std::string kept_as) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto done = [this, handler = std::move(handler), executor, kept_as = std::move(kept_as)](
                    DnsReply reply, std::chrono::seconds lifetime) mutable {
      kept_->keep(std::move(kept_as), reply, lifetime);
      boost::asio::post(executor, [handler = std::move(handler), reply = std::move(reply)]() mutable {
        handler(std::move(reply));
      });
    };
    questions_->ask(asked, kind, std::move(done));
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(DnsReply)>(
      std::move(initiate), boost::asio::use_awaitable, std::move(name), type, std::move(key));
}

namespace {

struct FreeAddresses {
  void operator()(addrinfo* all) const { ::freeaddrinfo(all); }
};

DnsReply system_addresses(const std::string& host, Resolver::Type type) {
  DnsReply reply;
  addrinfo hints{};
  hints.ai_family = type == Resolver::Type::a ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> found(error == 0 ? raw : nullptr);
  for (const auto* one = found.get(); one != nullptr; one = one->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      reply.records.push_back({0, text.data()});
    }
  }
  const bool none = error == 0 || error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
  reply.status = !reply.records.empty() ? DnsReply::Status::found
                 : none                 ? DnsReply::Status::none
                                        : DnsReply::Status::temporary;
  return reply;
}

}  // namespace

boost::asio::awaitable<DnsReply> Resolver::native_addresses(std::string host, Type type) {
  auto key = Kept::key("sys ", host, type);
  if (auto kept = kept_->find(key)) co_return std::move(*kept);
  if (stopped_) co_return temporary();
  // What still waits in line at the end is not begun.
  auto work = [this, host = std::move(host), type] {
    return stopped_ ? temporary() : system_addresses(host, type);
  };
  auto reply = co_await pool_.run(std::move(work));
  kept_->keep(std::move(key), reply, kNativeKept);
  co_return reply;
}

std::string Resolver::reverse_name(std::string_view address) {
  const std::string text(address);
  if (text.find('\0') != std::string::npos) return {};
  std::array<unsigned char, 16> octets{};
  std::string name;
  if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
    for (int i = 3; i >= 0; --i) name += std::to_string(octets[static_cast<std::size_t>(i)]) + ".";
    return name + "in-addr.arpa";
  }
  if (inet_pton(AF_INET6, text.c_str(), octets.data()) != 1) return {};
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;) {
    name += kDigits[octets[i] & 15];
    name += '.';
    name += kDigits[octets[i] >> 4];
    name += '.';
  }
  return name + "ip6.arpa";
}

bool Resolver::is_server(std::string_view text) {
  const auto at = text.find('@');
  if (reverse_name(text.substr(0, at)).empty()) return false;
  if (at == std::string_view::npos) return true;
  const auto digits = text.substr(at + 1);
  std::uint16_t port = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return read.ec == std::errc() && read.ptr == digits.data() + digits.size() && port != 0;
}

}  // namespace hikyaku::io
