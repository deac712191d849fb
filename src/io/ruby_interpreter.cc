#include "io/ruby_interpreter.h"

#include <mruby.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/compile.h>
#include <mruby/debug.h>
#include <mruby/error.h>
#include <mruby/proc.h>
#include <mruby/string.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/plain_value.h"
#include "io/ruby_confinement.h"
#include "io/ruby_frames.h"
#include "io/ruby_regexp.h"
#include "io/ruby_values.h"

namespace hikyaku::io {
namespace {

using std::chrono::milliseconds;

constexpr int kSocket = 3;  // see keep_only()
/// Files of ours, whose lines say nothing to who wrote the configuration, begin so.
constexpr std::string_view kOwnFiles = "(hikyaku";

/// The process does nothing else, and a handler of a signal has no other way to it.
mrb_state* interrupted_ruby = nullptr;

[[noreturn]] void end() { ::_exit(0); }

void write_all(std::string_view octets) {
  while (!octets.empty()) {
    const auto written = ::write(kSocket, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) end();
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
}

void read_all(char* to, std::size_t size) {
  while (size > 0) {
    const auto got = ::read(kSocket, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) end();
    to += got;
    size -= static_cast<std::size_t>(got);
  }
}

/// With its length in front.
std::string framed(const PlainValue& frame) {
  const auto octets = frame.encoded();
  std::string head;
  for (unsigned shift = 0; shift < 32; shift += 8) head += static_cast<char>(octets.size() >> shift & 0xFF);
  return head + octets;
}

void send(const PlainValue& frame) { write_all(framed(frame)); }

PlainValue receive() {
  std::array<char, 4> head{};
  read_all(head.data(), head.size());
  std::size_t size = 0;
  for (std::size_t octet = 0; octet < head.size(); ++octet)
    size |= std::size_t{static_cast<unsigned char>(head[octet])} << 8 * octet;
  std::string octets(size, '\0');
  read_all(octets.data(), size);
  auto frame = PlainValue::parse(octets);
  if (!frame) end();  // the hub's own process wrote it
  return std::move(*frame);
}

/// Runs out after so much of the processor's time; 0: not.
void set_timer(milliseconds time) {
  itimerval timer{};
  timer.it_value.tv_sec = time.count() / 1000;
  timer.it_value.tv_usec = time.count() % 1000 * 1000;
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

milliseconds time_left() {
  itimerval left{};
  ::setitimer(ITIMER_PROF, nullptr, &left);
  return milliseconds(left.it_value.tv_sec * 1000 + left.it_value.tv_usec / 1000);
}

/// A frame of kTimeUp, with room for a place at its end, made while memory can still be asked for.
std::string time_up_frame;

void prepare_time_up() {
  time_up_frame = framed(
      PlainValue::List{ruby_frame::kTimeUp, std::string(ruby_frame::kPlaceRoom, ruby_frame::kNoPlace)});
}

/// The time is up: says where, as far as the calls that are open tell it, and ends the process, so that it
/// does not matter in what state the interpreter is. What was interrupted may hold the allocator's lock: no
/// memory is asked for.
void time_is_up(int) {
  char* const room = time_up_frame.data() + time_up_frame.size() - ruby_frame::kPlaceRoom;
  if (interrupted_ruby != nullptr && interrupted_ruby->c != nullptr) {
    for (const auto* call = interrupted_ruby->c->ci; call >= interrupted_ruby->c->cibase; --call) {
      const auto* proc = call->proc;
      if (proc == nullptr || MRB_PROC_CFUNC_P(proc) || proc->body.irep == nullptr || call->pc == nullptr)
        continue;
      const auto* code = proc->body.irep;
      if (call->pc < code->iseq || call->pc >= code->iseq + code->ilen) continue;
      const auto at = static_cast<std::uint32_t>(call->pc - code->iseq);
      const char* file = mrb_debug_get_filename(interrupted_ruby, code, at);
      if (file == nullptr || std::string_view(file).starts_with(kOwnFiles)) continue;
      constexpr std::size_t kLineRoom = 16;
      const auto name = std::string_view(file).substr(0, ruby_frame::kPlaceRoom - kLineRoom);
      char* line = std::ranges::copy(name, room).out;
      *line++ = ':';
      std::to_chars(line, line + kLineRoom - 1, mrb_debug_get_line(interrupted_ruby, code, at));
      break;
    }
  }
  write_all(time_up_frame);
  end();
}

struct Memory {
  std::size_t used = 0, most = 0;
};

/// Keeps the size in front of each block.
void* allocate(mrb_state*, void* block, std::size_t size, void* given) {
  constexpr std::size_t kHead = alignof(std::max_align_t);
  auto& memory = *static_cast<Memory*>(given);
  auto* head = block == nullptr ? nullptr : static_cast<char*>(block) - kHead;
  std::size_t before = 0;
  if (head != nullptr) std::memcpy(&before, head, sizeof before);
  if (size == 0) {
    memory.used -= before;
    std::free(head);
    return nullptr;
  }
  if (size > memory.most || memory.used - before > memory.most - size) return nullptr;
  head = static_cast<char*>(std::realloc(head, size + kHead));
  if (head == nullptr) return nullptr;
  std::memcpy(head, &size, sizeof size);
  memory.used += size - before;
  return head + kHead;
}

class Interpreter {
 public:
  explicit Interpreter(std::size_t memory) : memory_{.most = memory} {
    ruby_ = mrb_open_allocf(allocate, &memory_);
    if (ruby_ == nullptr) return;
    ruby_->ud = this;
    module_ = mrb_define_module(ruby_, "Hikyaku");
    mrb_define_module_function(ruby_, module_, "ask", ask, MRB_ARGS_ANY());
    define_regexp(ruby_, module_);
    interrupted_ruby = ruby_;
  }
  bool ready() const { return ruby_ != nullptr; }

  [[noreturn]] void serve() {
    for (;;) {
      call_ = receive();
      const auto& parts = *call_.list();
      set_timer(milliseconds(*parts[3].integer()));
      run(*parts[1].text());
      set_timer(milliseconds(0));
      auto octets = std::move(answer_);
      send(octets);
    }
  }

 private:
  void run(const std::string& method) {
    const int arena = mrb_gc_arena_save(ruby_);
    answer_ = PlainValue();
    mrb_bool failed = FALSE;
    method_ = method;
    const mrb_value result = mrb_protect_error(
        ruby_, [](mrb_state*, void* self) { return static_cast<Interpreter*>(self)->dispatch(); }, this,
        &failed);
    if (failed) {
      describe(result);
      answer_ = PlainValue::List{ruby_frame::kFailed, text_};
    } else if (answer_.encoded().size() > ruby_frame::kMost) {
      answer_ = PlainValue::List{
          ruby_frame::kFailed, "the answer is larger than " + std::to_string(ruby_frame::kMost) + " octets"};
    } else {
      answer_ = PlainValue::List{ruby_frame::kValue, std::move(answer_)};
    }
    mrb_gc_arena_restore(ruby_, arena);
  }

  // What may raise: no value of C++ lives here that would have to be destroyed.
  mrb_value dispatch() {
    if (method_ == "(define)") {
      define();
      return mrb_nil_value();
    }
    const mrb_value arguments = to_ruby(ruby_, (*call_.list())[2]);
    const mrb_value result =
        mrb_funcall_argv(ruby_, mrb_obj_value(module_), mrb_intern(ruby_, method_.data(), method_.size()),
                         RARRAY_LEN(arguments), RARRAY_PTR(arguments));
    to_plain(ruby_, result, answer_);
    return mrb_nil_value();
  }

  void define() {
    const auto& arguments = *(*call_.list())[2].list();
    auto* context = mrbc_context_new(ruby_);
    mrbc_filename(ruby_, context, arguments[1].text()->c_str());
    context->capture_errors = TRUE;
    mrb_load_nstring_cxt(ruby_, arguments[0].text()->data(), arguments[0].text()->size(), context);
    mrbc_context_free(ruby_, context);
    if (ruby_->exc != nullptr) {
      const mrb_value raised = mrb_obj_value(ruby_->exc);
      ruby_->exc = nullptr;
      mrb_exc_raise(ruby_, raised);
    }
  }

  /// text_ becomes "FILE:LINE: what (Class)".
  void describe(mrb_value exception) {
    text_.clear();
    exception_ = exception;
    mrb_bool failed = FALSE;
    mrb_protect_error(
        ruby_,
        [](mrb_state*, void* self) {
          static_cast<Interpreter*>(self)->describe_unprotected();
          return mrb_nil_value();
        },
        this, &failed);
    if (failed) text_ += "an exception that can't be told";
  }
  void describe_unprotected() {
    const mrb_value places = mrb_exc_backtrace(ruby_, exception_);
    if (mrb_array_p(places)) {
      for (mrb_int place = 0; place < RARRAY_LEN(places); ++place) {
        const mrb_value line = mrb_obj_as_string(ruby_, mrb_ary_entry(places, place));
        const std::string_view where(RSTRING_PTR(line), static_cast<std::size_t>(RSTRING_LEN(line)));
        if (where.starts_with(kOwnFiles)) continue;
        const auto end_of_line = where.find(":in ");
        text_ += where.substr(0, end_of_line);
        text_ += ": ";
        break;
      }
    }
    const mrb_value message = mrb_obj_as_string(ruby_, exception_);
    text_.append(RSTRING_PTR(message), static_cast<std::size_t>(RSTRING_LEN(message)));
    text_ += " (";
    text_ += mrb_obj_classname(ruby_, exception_);
    text_ += ")";
  }

  static mrb_value ask(mrb_state* ruby, mrb_value) {
    const mrb_value* arguments = nullptr;
    mrb_int count = 0;
    mrb_get_args(ruby, "*", &arguments, &count);
    auto& self = *static_cast<Interpreter*>(ruby->ud);
    const mrb_value all = mrb_ary_new_from_values(ruby, count, arguments);
    to_plain(ruby, all, self.asked_);
    self.exchange();
    const auto& parts = *self.heard_.list();
    if (*parts[0].text() == ruby_frame::kAnswer) return to_ruby(ruby, parts[1]);
    const auto& why = *parts[1].text();
    mrb_exc_raise(ruby, mrb_exc_new(ruby, mrb_class_get(ruby, "RuntimeError"), why.data(),
                                    static_cast<mrb_int>(why.size())));
    std::abort();  // not reached, which mruby does not tell compilers of C++
  }
  /// The time of the host is not the call's.
  void exchange() {
    const auto left = time_left();
    set_timer(milliseconds(0));
    send(PlainValue::List{ruby_frame::kAsk, asked_});
    heard_ = receive();
    set_timer(std::max(left, milliseconds(1)));
  }

  Memory memory_;
  mrb_state* ruby_ = nullptr;
  RClass* module_ = nullptr;
  // Kept here since exceptions of Ruby leave functions by longjmp, past the destructors of their values.
  PlainValue call_, answer_, asked_, heard_;
  std::string method_, text_;
  mrb_value exception_{};
};

}  // namespace

void run_ruby_interpreter(int socket, std::size_t memory, milliseconds start_time) {
  const auto give_up = [](const std::string& why) {
    send(PlainValue::List{ruby_frame::kFailed, why});
    end();
  };
  const auto kept = keep_only(socket);
  if (!kept) end();
  prepare_time_up();
  struct sigaction action {};
  action.sa_handler = time_is_up;
  ::sigaction(SIGPROF, &action, nullptr);
  set_timer(start_time);
  Interpreter interpreter(memory);
  if (!interpreter.ready()) give_up("the Ruby interpreter does not start within its memory");
  if (const auto confined = give_up_system_calls(); !confined) give_up(confined.error().text);
  set_timer(milliseconds(0));
  send(PlainValue::List{ruby_frame::kValue, PlainValue()});
  interpreter.serve();
}

}  // namespace hikyaku::io
