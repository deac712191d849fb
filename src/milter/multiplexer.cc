#include "milter/multiplexer.h"

#include <utility>

#include "base/escape.h"
#include "milter/multiplexer_core.h"

namespace hikyaku::milter {

using Failure = MultiplexedChild::Failure;

Multiplexer::Multiplexer(const Settings& settings, MessageSpool& spool)
    : core_(std::make_unique<Core>(settings, spool)) {}
Multiplexer::~Multiplexer() = default;

Multiplexer::Event Multiplexer::next(Moment now) { return core_->next(now); }

void Multiplexer::feed_parent(std::string_view octets) { core_->feed_parent(octets); }
void Multiplexer::parent_lost(std::string_view what) { core_->parent_lost(what); }
std::size_t Multiplexer::parent_backlog() const { return core_->parent_backlog(); }
std::string Multiplexer::take_parent_output() { return core_->take_parent_output(); }
bool Multiplexer::has_parent_output() const { return core_->parent().has_output(); }

void Multiplexer::tell_one_by_one(std::size_t child, Command command) {
  core_->at(child).tell_one_by_one(command);
}
void Multiplexer::connected(std::size_t child) { core_->connected(child); }
void Multiplexer::connection_failed(std::size_t child, std::string_view what) {
  core_->at(child).fail(Failure::connection, escaped(what, 300));
}
void Multiplexer::feed_child(std::size_t child, std::string_view octets) { core_->at(child).feed(octets); }
void Multiplexer::child_lost(std::size_t child, std::string_view what) {
  core_->at(child).fail(Failure::disconnected, escaped(what, 300));
}
std::string Multiplexer::take_output(std::size_t child) { return core_->at(child).take_output(); }
bool Multiplexer::has_output(std::size_t child) const { return core_->at(child).output_size() > 0; }
bool Multiplexer::expects_more(std::size_t child) const { return core_->at(child).expects_more(); }

void Multiplexer::rule_out(std::size_t child, std::string why) { core_->rule_out(child, std::move(why)); }
void Multiplexer::set_macro(std::size_t child, std::string_view name, std::string_view value) {
  core_->set_macro(child, name, value);
}
void Multiplexer::decided() { core_->decided(); }

bool Multiplexer::takes_part(std::size_t child) const { return core_->at(child).takes_part(); }
bool Multiplexer::may_be_ruled_out(std::size_t child) const { return core_->at(child).may_be_ruled_out(); }
const ClientSession::Verdict& Multiplexer::last_verdict(std::size_t child) const {
  return core_->at(child).last();
}
const FilterSession& Multiplexer::parent() const { return core_->parent(); }
MacroTable Multiplexer::known_macros(std::size_t child) const { return core_->at(child).known_macros(); }
const Agreement* Multiplexer::agreement(std::size_t child) const { return core_->at(child).agreement(); }
bool Multiplexer::spooled() const { return core_->spooled(); }

}  // namespace hikyaku::milter
