#include "io/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

namespace hikyaku::io {
namespace {

constexpr std::size_t kMaxWaiting = std::size_t{8} << 20;  // octets of lines not yet written
constexpr std::chrono::milliseconds kInterval{100};

void append_json(std::string& out, std::string_view text) {
  // The callers escape what is no printable UTF-8, so these two are all that JSON still minds.
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) continue;
    out += c;
  }
}

constexpr int kNoFacility = -1;
constexpr std::array<std::pair<std::string_view, int>, 21> kFacilities = {{
    {"kern", LOG_KERN},     {"user", LOG_USER},     {"mail", LOG_MAIL},         {"daemon", LOG_DAEMON},
    {"auth", LOG_AUTH},     {"syslog", LOG_SYSLOG}, {"lpr", LOG_LPR},           {"news", LOG_NEWS},
    {"uucp", LOG_UUCP},     {"cron", LOG_CRON},     {"authpriv", LOG_AUTHPRIV}, {"ftp", LOG_FTP},
    {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},     {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},     {"local7", LOG_LOCAL7},
    {"none", kNoFacility},
}};

int open_file(const std::string& name) {
  return ::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

}  // namespace

// Lines are appended to one buffer that a thread swaps away: see docs/adr/0005-own-log-writer.md.
struct Log::State {
  LogSettings settings;
  int descriptor = -1;
  bool to_syslog = false;
  std::atomic<int> facility{LOG_MAIL};
  std::mutex mutex;
  std::condition_variable wake, written;
  std::string waiting;
  std::size_t dropped = 0;
  bool stopping = false, urgent = false;
  std::uint64_t round = 0;
  std::time_t second = 0;
  std::string time_text;
  std::thread thread;

  void run();
  void put(const std::string& octets);
  void follow_name();
  const std::string& time_now();
};

void Log::State::put(const std::string& octets) {
  if (to_syslog) {
    if (facility == kNoFacility) return;
    std::size_t begin = 0;
    for (auto end = octets.find('\n'); end != std::string::npos; end = octets.find('\n', begin)) {
      syslog(facility | LOG_INFO, "%.*s", static_cast<int>(end - begin), octets.data() + begin);
      begin = end + 1;
    }
    return;
  }
  std::string_view rest = octets;
  while (!rest.empty()) {
    const auto sent = ::write(descriptor, rest.data(), rest.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // a full disk must not stop the mail
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// logrotate moves the file away, or removes it: what comes now goes to the one of its name. While that can't
/// be opened, the old one gets the lines.
void Log::State::follow_name() {
  if (descriptor <= STDERR_FILENO) return;
  struct stat ours {};
  struct stat named {};
  const bool same = ::fstat(descriptor, &ours) == 0 && ::stat(settings.file.c_str(), &named) == 0 &&
                    ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
  if (same) return;
  const int fresh = open_file(settings.file);
  if (fresh < 0) return;
  ::close(descriptor);
  descriptor = fresh;
}

void Log::State::run() {
  std::string writing;
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait_for(lock, kInterval, [this] { return stopping || urgent; });
    if (dropped != 0) {
      waiting += "hikyaku/log: warning: " + std::to_string(dropped) + " lines were dropped\n";
      dropped = 0;
    }
    writing.clear();
    writing.swap(waiting);
    urgent = false;
    const bool last = stopping;
    lock.unlock();
    if (!writing.empty()) {
      follow_name();
      put(writing);
    }
    lock.lock();
    ++round;
    written.notify_all();
    if (last && waiting.empty()) return;
  }
}

const std::string& Log::State::time_now() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  if (seconds != second) {
    second = seconds;
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[40];
    const auto* format = settings.form == LogSettings::Form::json ? "%Y-%m-%dT%H:%M:%S%z" : "%b %e %H:%M:%S";
    time_text.assign(text, std::strftime(text, sizeof text, format, &parts));
  }
  return time_text;
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([this] { state_->run(); });
}

Log::~Log() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
  if (state_->descriptor > 2) ::close(state_->descriptor);
}

Result<std::unique_ptr<Log>> Log::open(const LogSettings& settings) {
  auto state = std::make_unique<State>();
  state->settings = settings;
  if (settings.file.empty()) {
    state->to_syslog = true;
    // Lines without a tag have the name and the number of the process from syslog itself.
    if (settings.tags) {
      openlog(nullptr, LOG_NDELAY, LOG_MAIL);
    } else {
      openlog(state->settings.name.c_str(), LOG_NDELAY | LOG_PID, LOG_MAIL);
    }
  } else if (settings.file == "-" || settings.file == "/dev/stderr") {
    state->descriptor = STDERR_FILENO;
  } else {
    state->descriptor = open_file(settings.file);
    if (state->descriptor < 0) {
      return fail(Fault::permanent, "maillog_file " + settings.file + ": " + std::strerror(errno));
    }
  }
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

void Log::set_facility(std::string_view name) {
  for (const auto& [word, facility] : kFacilities)
    if (word == name) state_->facility = facility;
}

void Log::flush() {
  std::unique_lock lock(state_->mutex);
  const auto goal = state_->round + 2;
  while (state_->round < goal) {
    state_->urgent = true;
    state_->wake.notify_one();
    state_->written.wait_for(lock, kInterval);
  }
}

void Log::write(Level level, std::string_view tag, std::string_view text) {
  static const std::string pid = std::to_string(::getpid());
  const std::string_view prefix = level == Level::info      ? ""
                                  : level == Level::warning ? "warning: "
                                                            : "error: ";
  const std::lock_guard lock(state_->mutex);
  auto& out = state_->waiting;
  if (out.size() + text.size() > kMaxWaiting) {
    ++state_->dropped;
    return;
  }
  if (state_->settings.form == LogSettings::Form::json) {
    out += R"({"time":")" + state_->time_now() + R"(","service":")";
    out += tag;
    out += R"(","level":")";
    out += level == Level::info ? "info" : level == Level::warning ? "warning" : "error";
    out += R"(","text":")";
    append_json(out, text);
    out += "\"}\n";
    return;
  }
  if (!state_->to_syslog) {
    out += state_->time_now();
    out += ' ';
    out += state_->settings.hostname;
    out += ' ';
  }
  if (state_->settings.tags || !state_->to_syslog) {
    out += state_->settings.name;
    if (state_->settings.tags) {
      out += '/';
      out += tag;
    }
    out += '[';
    out += pid;
    out += "]: ";
  }
  out += prefix;
  out += text;
  out += '\n';
}

}  // namespace hikyaku::io
