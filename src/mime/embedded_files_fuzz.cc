#include <cstdint>
#include <cstdlib>
#include <string>

#include "mime/embedded_files.h"

// Any octets in any cuts: the same files, the same text, and what begins ends.
namespace {

using namespace hikyaku::mime;

void check(bool holds) {
  if (!holds) std::abort();
}

class Trace : public EmbeddedFileListener {
 public:
  std::string all;
  void text(std::string_view octets) override {
    check(!open_ && !octets.empty());
    put('T', octets);
  }
  void file_begins(const EmbeddedFile& file) override {
    check(!open_);
    open_ = true;
    size_ = 0;
    put('B', file.name);
    all += '\n';
    last_ = 'B';
  }
  void file(std::string_view octets) override {
    check(open_);
    size_ += octets.size();
    put('F', octets);
  }
  void file_ends(std::uint64_t octets, const TransferNotes& notes) override {
    check(open_ && octets == size_);
    open_ = false;
    put('E', std::to_string(octets));
    for (const auto& note : notes.all()) all += word(note.fault);
    last_ = 'E';
  }
  bool open() const { return open_; }

 private:
  void put(char kind, std::string_view octets) {
    if (octets.empty()) return;
    if (kind != last_) all += kind;
    last_ = kind;
    all += octets;
  }
  bool open_ = false;
  std::uint64_t size_ = 0;
  char last_ = 0;
};

std::string read(std::string_view octets, std::size_t cut) {
  Trace trace;
  EmbeddedFileReader reader(trace);
  for (std::size_t at = 0; at < octets.size(); at += cut) reader.feed(octets.substr(at, cut));
  reader.finish();
  check(!trace.open());
  return trace.all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 1), size - 1);
  check(read(octets, octets.size() + 1) == read(octets, 1 + data[0]));
  return 0;
}
