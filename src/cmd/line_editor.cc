#include "cmd/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <termios.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstring>
#include <utility>

namespace hikyaku::cmd {
namespace {

constexpr int kHistory = 1000;                  // lines
constexpr std::size_t kMostSecret = 64 * 1024;  // octets: tokens are long

/// Text of any script is typed in UTF-8, or libedit takes its octets for keys of their own.
void use_utf8() {
  const char* locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || MB_CUR_MAX < 2) std::setlocale(LC_CTYPE, "C.UTF-8");
}

/// The terminal without an echo, until the end of the scope.
class NoEcho {
 public:
  explicit NoEcho(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal, &before_) != 0) return;
    auto now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    now.c_lflag |= ICANON | ISIG;
    now.c_iflag |= ICRNL;
    changed_ = ::tcsetattr(terminal, TCSAFLUSH, &now) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto size = ::write(descriptor, text.data(), text.size());
    if (size <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

std::optional<std::string> read_unseen(int terminal, std::string_view prompt) {
  const NoEcho silence(terminal);
  write_all(terminal, prompt);
  std::string line;
  char octet = 0;
  while (::read(terminal, &octet, 1) == 1 && octet != '\n') {
    if (line.size() < kMostSecret) line += octet;
  }
  write_all(terminal, "\n");
  if (octet != '\n' && line.empty()) return std::nullopt;
  return line;
}

}  // namespace

struct LineEditor::Edit {
  EditLine* line = nullptr;
  History* history = nullptr;
  std::function<std::string()> prompt;
  std::string shown_prompt;

  Edit() = default;
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;
  ~Edit() {
    if (line != nullptr) {
      el_set(line, EL_UNBUFFERED, 0);
      el_end(line);
    }
    if (history != nullptr) history_end(history);
  }
  static char* give_prompt(EditLine* line) {
    Edit* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    self->shown_prompt = self->prompt();
    return self->shown_prompt.data();
  }
};

LineEditor::LineEditor(const char* name, char control, std::function<std::string()> prompt)
    : edit_(std::make_unique<Edit>()) {
  use_utf8();
  edit_->prompt = std::move(prompt);
  edit_->line = el_init(name, stdin, stdout, stderr);
  edit_->history = history_init();
  auto* line = edit_->line;
  HistEvent event;
  history(edit_->history, &event, H_SETSIZE, kHistory);
  el_set(line, EL_CLIENTDATA, edit_.get());
  el_set(line, EL_PROMPT, &Edit::give_prompt);
  el_set(line, EL_EDITOR, "emacs");
  el_set(line, EL_HIST, history, edit_->history);
  el_set(line, EL_SIGNAL, 1);
  const std::string key{'^', static_cast<char>(control + '@')};
  el_set(line, EL_BIND, key.c_str(), "ed-insert", nullptr);
  el_set(line, EL_UNBUFFERED, 1);
}

LineEditor::~LineEditor() = default;

LineEditor::State LineEditor::read(std::string& line) {
  int size = 0;
  const char* text = el_gets(edit_->line, &size);
  if (text == nullptr || size <= 0) return size == 0 && text != nullptr ? State::typing : State::ended;
  const std::string_view typed(text, static_cast<std::size_t>(size));
  static constexpr char kEndOfInput = 4;  // Ctrl-D
  if (typed == std::string_view(&kEndOfInput, 1)) return State::ended;
  if (!typed.ends_with('\n') && !typed.ends_with('\r')) return State::typing;
  line = typed.substr(0, typed.size() - 1);
  // The next line begins with a new one.
  el_set(edit_->line, EL_UNBUFFERED, 0);
  el_set(edit_->line, EL_UNBUFFERED, 1);
  return State::line;
}

void LineEditor::print_above(std::string_view text) {
  write_all(STDOUT_FILENO, "\r\033[K");
  write_all(STDOUT_FILENO, text);
  el_set(edit_->line, EL_REFRESH);
}

void LineEditor::remember(const std::string& line) {
  HistEvent event;
  history(edit_->history, &event, H_ENTER, line.c_str());
}

std::optional<std::string> LineEditor::read_secret(std::string_view prompt) {
  el_set(edit_->line, EL_UNBUFFERED, 0);
  write_all(STDOUT_FILENO, "\r\033[K");
  auto secret = read_unseen(STDIN_FILENO, prompt);
  el_set(edit_->line, EL_UNBUFFERED, 1);
  return secret;
}

std::optional<std::string> read_secret_from_terminal(std::string_view prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) return std::nullopt;
  auto secret = read_unseen(terminal, prompt);
  ::close(terminal);
  return secret;
}

}  // namespace hikyaku::cmd
