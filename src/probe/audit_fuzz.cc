#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "probe/audit_fake_wire.h"

// A hostile server: whatever it says, each case comes to a verdict, within its time, and what is quoted of
// the server can be shown. The first octet chooses the protocol, the second the case; each 0xff in the rest
// ends what the server says in one go.
namespace {

using namespace hikyaku::probe;

void check(bool holds) {
  if (!holds) std::abort();
}

class HostileServer final : public testing_support::FakeWire {
 public:
  explicit HostileServer(std::string_view script) : FakeWire({}), left_(script) {}

  hikyaku::Result<Heard> receive(std::string& into, std::chrono::milliseconds limit) override {
    check(limit.count() > 0);
    if (left_.empty()) {
      now_ += limit;
      return closes_ ? Heard::closed : Heard::silence;
    }
    const auto piece = left_.substr(0, left_.find('\xff'));
    left_.remove_prefix(std::min(left_.size(), piece.size() + 1));
    closes_ = !closes_;
    now_ += std::chrono::milliseconds(1);
    into += piece;
    return piece.empty() ? Heard::silence : Heard::octets;
  }
  hikyaku::Result<void> send(std::string_view) override { return {}; }
  std::chrono::milliseconds time() const { return now_; }

 private:
  void serve() override {}
  std::string_view left_;
  bool closes_ = false;
  std::chrono::milliseconds now_{0};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const std::vector<AuditCase> all[] = {
      audit_cases(AuditProtocol::smtp), audit_cases(AuditProtocol::pop3), audit_cases(AuditProtocol::imap)};
  const auto& cases = all[data[0] % 3];
  const auto& one = cases[data[1] % cases.size()];
  HostileServer server({reinterpret_cast<const char*>(data) + 2, size - 2});
  AuditTalk talk(server, {}, [&] { return server.time(); });
  AuditTarget target;
  target.protocol = one.protocol;
  target.tls_at_once = (data[0] & 0x40) != 0;
  target.submission = (data[0] & 0x80) != 0;
  target.literal = "192.0.2.9";
  target.user = "u";
  target.password = "p";
  const auto finding = one.run(talk, target);
  check(!finding.why.empty());
  // What a server said is shown to people: it is text, with no control octet left in it.
  for (std::string_view left = finding.why; !left.empty();) {
    const auto length = hikyaku::utf8_length(left);
    check(length > 0 && static_cast<unsigned char>(left[0]) >= 32 && left[0] != 127);
    left.remove_prefix(length);
  }
  check(talk.steps().size() <= AuditTalk::kSteps);
  return 0;
}
