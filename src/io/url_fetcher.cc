#include "io/url_fetcher.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace hikyaku::io {
namespace {

using Clock = std::chrono::steady_clock;
using Done = std::move_only_function<void(Result<std::string>)>;

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// curl wants its first call to come before all threads' others.
CURLM* new_multi() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  return ready == CURLE_OK ? curl_multi_init() : nullptr;
}

struct Job {
  UrlRequest request;
  std::string lane;
  std::size_t most = 1;
  Clock::time_point until;
  Done done;
};

/// A request under way. It stays where it is: curl has its address.
class Transfer {
 public:
  explicit Transfer(Job job) : job_(std::move(job)), easy_(curl_easy_init()) {}

  CURL* handle() const { return easy_.get(); }
  const std::string& lane() const { return job_.lane; }

  bool prepare() {
    if (!easy_) return false;
    set(CURLOPT_URL, job_.request.url.c_str());
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a name that is still looked up when time is over is not waited for
    set(CURLOPT_PROTOCOLS_STR, "http,https,ldap,ldaps");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_MAXREDIRS, UrlFetcher::kRedirections);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(job_.until - Clock::now());
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, left.count())));
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &Transfer::keep);
    if (!job_.request.posts()) {
      set(CURLOPT_FOLLOWLOCATION, 1L);
    } else {
      add_header("Content-Type: " + job_.request.content_type);
      add_header("Expect:");  // who does not know of it would let it wait a second
      set(CURLOPT_HTTPHEADER, headers_.get());
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(job_.request.body.size()));
      set(CURLOPT_POSTFIELDS, job_.request.body.data());
    }
    return good_;
  }

  void finish(CURLcode code) {
    if (too_much_) {
      fail_with("the answer is of more than " + std::to_string(UrlFetcher::kAnswerLimit) + " octets");
      return;
    }
    if (code != CURLE_OK) {
      fail_with(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code));
      return;
    }
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    // LDAP has none.
    if (status != 0 && (status < 200 || status > 299)) {
      fail_with("the server answered with the status " + std::to_string(status));
      return;
    }
    job_.done(std::move(answer_));
  }
  void fail_with(std::string text) { job_.done(fail(Fault::temporary, std::move(text))); }

 private:
  static std::size_t keep(char* octets, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto length = size * count;
    transfer.too_much_ = transfer.answer_.size() + length > UrlFetcher::kAnswerLimit;
    if (transfer.too_much_) return CURL_WRITEFUNC_ERROR;
    transfer.answer_.append(octets, length);
    return length;
  }
  template <class T>
  void set(CURLoption option, T value) {
    good_ = curl_easy_setopt(easy_.get(), option, value) == CURLE_OK && good_;
  }
  void add_header(const std::string& line) {
    auto* longer = curl_slist_append(headers_.get(), line.c_str());
    good_ = longer != nullptr && good_;
    if (longer == nullptr) return;
    static_cast<void>(headers_.release());  // it is the front of the longer one
    headers_.reset(longer);
  }

  Job job_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string answer_;
  bool good_ = true, too_much_ = false;
};

}  // namespace

class UrlFetcher::Work {
 public:
  Work() : multi_(new_multi()) {
    if (!multi_) std::abort();  // no memory, or a TLS library that can't begin
    thread_ = std::thread([this] { run(); });
  }
  ~Work() { stop(); }

  void submit(Job job) {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        arrived_.push_back(std::move(job));
        curl_multi_wakeup(multi_.get());
        return;
      }
    }
    job.done(fail(Fault::temporary, "the program ends"));
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      curl_multi_wakeup(multi_.get());
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Lane {
    std::size_t running = 0;
    std::deque<Job> waiting;
  };

  void run() {
    while (take_arrived()) {
      drop_late();
      begin_waiting();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      if (finish_ended()) continue;  // there is room for those that wait
      curl_multi_poll(multi_.get(), nullptr, 0, patience(), nullptr);
    }
    for (auto& one : transfers_) {
      curl_multi_remove_handle(multi_.get(), one.handle());
      one.fail_with("the program ends");
    }
    transfers_.clear();
    for (auto& [name, lane] : lanes_)
      for (auto& job : lane.waiting) job.done(fail(Fault::temporary, "the program ends"));
    lanes_.clear();
  }

  /// False: it is to stop.
  bool take_arrived() {
    std::vector<Job> all;
    bool goes_on = true;
    {
      const std::lock_guard lock(mutex_);
      all.swap(arrived_);
      goes_on = !stopping_;
    }
    for (auto& job : all) {
      auto& waiting = lanes_[job.lane].waiting;
      if (waiting.size() >= kWaitingLimit) {
        job.done(fail(Fault::temporary, "too many wait for it already"));
      } else {
        waiting.push_back(std::move(job));
      }
    }
    return goes_on;
  }

  void drop_late() {
    const auto now = Clock::now();
    for (auto& [name, lane] : lanes_)
      std::erase_if(lane.waiting, [&](Job& job) {
        if (job.until > now) return false;
        job.done(fail(Fault::temporary, "as many as may be at a time were under way all the time"));
        return true;
      });
  }

  void begin_waiting() {
    for (auto& [name, lane] : lanes_) {
      while (!lane.waiting.empty() && lane.running < lane.waiting.front().most) {
        auto& transfer = transfers_.emplace_back(std::move(lane.waiting.front()));
        lane.waiting.pop_front();
        if (transfer.prepare() && curl_multi_add_handle(multi_.get(), transfer.handle()) == CURLM_OK) {
          ++lane.running;
        } else {
          transfer.fail_with("libcurl does not take the request");
          transfers_.pop_back();
        }
      }
    }
    std::erase_if(lanes_,
                  [](const auto& one) { return one.second.running == 0 && one.second.waiting.empty(); });
  }

  bool finish_ended() {
    bool any = false;
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const auto code = message->data.result;
      auto* handle = message->easy_handle;  // the message is gone once the handle is
      curl_multi_remove_handle(multi_.get(), handle);
      const auto ended = std::find_if(transfers_.begin(), transfers_.end(),
                                      [&](const auto& one) { return one.handle() == handle; });
      --lanes_[ended->lane()].running;
      ended->finish(code);
      transfers_.erase(ended);
      any = true;
    }
    return any;
  }

  /// Milliseconds that may pass before something must be looked at; curl knows of its own.
  int patience() const {
    std::chrono::milliseconds longest{60'000};
    for (const auto& [name, lane] : lanes_)
      for (const auto& job : lane.waiting)
        longest = std::min(longest, std::chrono::ceil<std::chrono::milliseconds>(job.until - Clock::now()));
    return static_cast<int>(std::max<std::int64_t>(0, longest.count()));
  }

  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::mutex mutex_;
  std::vector<Job> arrived_;  // under the mutex
  bool stopping_ = false;     // under it
  // Of the thread.
  std::map<std::string, Lane> lanes_;
  std::list<Transfer> transfers_;
  std::thread thread_;
};

UrlFetcher::UrlFetcher() : work_(std::make_unique<Work>()) {}
UrlFetcher::~UrlFetcher() = default;

void UrlFetcher::stop() { work_->stop(); }

boost::asio::awaitable<Result<std::string>> UrlFetcher::fetch(UrlRequest request, std::string lane,
                                                              std::size_t most, Clock::time_point until) {
  Job job{std::move(request), std::move(lane), most, until, {}};
  auto initiate = [this](auto handler, Job one) {
    auto executor = boost::asio::get_associated_executor(handler);
    one.done = [handler = std::move(handler), executor](Result<std::string> answer) mutable {
      boost::asio::post(executor, [handler = std::move(handler), answer = std::move(answer)]() mutable {
        handler(std::move(answer));
      });
    };
    work_->submit(std::move(one));
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                 void(Result<std::string>)>(
      std::move(initiate), boost::asio::use_awaitable, std::move(job));
}

}  // namespace hikyaku::io
