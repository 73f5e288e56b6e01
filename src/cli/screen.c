/* SPDX-License-Identifier: MIT */
/*
 * screen.c: ncurses in its plainest form. Colours are those of the terminal's own palette, so that they
 * fit a dark one and a light one; without colours, styles are bold, dim and reverse.
 *
 * A signal that ends the process is caught once, only to put the terminal back, and then raised again as
 * if nobody had caught it. endwin is not safe in a handler; so what it would send is kept ready.
 */
#include "cli/screen.h"

#include <errno.h>
#include <ncursesw/ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/macro.h"

static struct termios before;
static volatile sig_atomic_t is_open;
static bool has_colours;
static int click_row;

/* Leaves the alternate screen, shows the cursor, ends mouse reports and styles. */
static const char leave[] = "\033[?1006;1002;1000l\033[0m\033[?25h\033[?1049l\r";

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static void restore_and_die(int number)
{
	if (is_open) {
		is_open = 0;
		(void)!write(STDOUT_FILENO, leave, sizeof(leave) - 1);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	}
	/* SA_RESETHAND has put the default back */
	raise(number);
}

static void make_colours(void)
{
	static const short colours[TOP_N_STYLES] = {
		[TOP_TITLE] = COLOR_CYAN,   [TOP_BAD] = COLOR_RED,    [TOP_GOOD] = COLOR_GREEN,
		[TOP_BAR_1] = COLOR_YELLOW, [TOP_BAR_2] = COLOR_BLUE, [TOP_BAR_3] = COLOR_MAGENTA,
		[TOP_BAR_4] = COLOR_GREEN,  [TOP_BAR_5] = COLOR_CYAN,
	};

	start_color();
	use_default_colors();
	for (int i = 1; i < TOP_N_STYLES; i++)
		if (colours[i])
			init_pair((short)i, colours[i], -1);
}

static attr_t attributes_of(enum top_style style)
{
	static const attr_t attributes[TOP_N_STYLES] = {
		[TOP_STRONG] = A_BOLD, [TOP_DIM] = A_DIM,   [TOP_TITLE] = A_BOLD,
		[TOP_BAD] = A_BOLD,    [TOP_GOOD] = A_BOLD,
	};

	if (has_colours && style != TOP_PLAIN && style != TOP_STRONG && style != TOP_DIM)
		return attributes[style] | COLOR_PAIR(style);
	return attributes[style];
}

int screen_open(bool colour, const char **error_why)
{
	struct sigaction action = {.sa_handler = restore_and_die, .sa_flags = (int)SA_RESETHAND};
	SCREEN *made;

	if (is_open)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		*error_why = "this is not a terminal";
		return -ENOTTY;
	}
	tcgetattr(STDIN_FILENO, &before);
	made = newterm(NULL, stdout, stdin);
	if (!made) {
		*error_why = "this kind of terminal is not known (TERM)";
		return -ENOTTY;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	mousemask(BUTTON1_CLICKED | BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
	has_colours = colour && has_colors();
	if (has_colours)
		make_colours();
	is_open = 1;
	atexit(screen_close);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &action, NULL);
	return 0;
}

void screen_close(void)
{
	if (!is_open)
		return;
	is_open = 0;
	endwin();
}

void screen_size(int *ret_rows, int *ret_columns)
{
	getmaxyx(stdscr, *ret_rows, *ret_columns);
}

void screen_draw(int row, const struct top_lines *lines, size_t line, bool selected)
{
	const struct top_line *drawn = &lines->lines[line];
	const char *text = strbuf_text(&lines->text);
	size_t left = (size_t)getmaxx(stdscr), taken;

	move(row, 0);
	for (uint32_t i = 0; i < drawn->n_spans && left > 0; i++) {
		const struct top_span *span = &lines->spans[drawn->first_span + i];
		size_t n = top_lines_cut(text + span->start, span->end - span->start, left, &taken);

		attrset(selected ? A_REVERSE : attributes_of(span->style));
		addnstr(text + span->start, (int)n);
		left -= taken;
	}
	attrset(selected ? A_REVERSE : A_NORMAL);
	if (left > 0)
		hline(' ', (int)left);
	attrset(A_NORMAL);
}

void screen_draw_text(int row, enum top_style style, const char *text)
{
	size_t columns, n = top_lines_cut(text, strlen(text), (size_t)getmaxx(stdscr), &columns);

	attrset(attributes_of(style));
	mvaddnstr(row, 0, text, (int)n);
	attrset(A_NORMAL);
	if (columns < (size_t)getmaxx(stdscr))
		clrtoeol();
}

void screen_clear(int first, int end)
{
	for (int row = first; row < end; row++) {
		move(row, 0);
		clrtoeol();
	}
}

void screen_show(int column)
{
	curs_set(column >= 0);
	if (column >= 0)
		move(getmaxy(stdscr) - 1, column);
	refresh();
}

static int read_mouse(void)
{
	MEVENT event;

	if (getmouse(&event) != OK)
		return SCREEN_NONE;
	click_row = event.y;
	if (event.bstate & BUTTON4_PRESSED)
		return SCREEN_WHEEL_UP;
	if (event.bstate & BUTTON5_PRESSED)
		return SCREEN_WHEEL_DOWN;
	return event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED) ? SCREEN_CLICK : SCREEN_NONE;
}

static int translate(wint_t key)
{
	static const struct {
		wint_t from;
		int to;
	} keys[] = {
		{KEY_UP, SCREEN_UP},
		{KEY_DOWN, SCREEN_DOWN},
		{KEY_LEFT, SCREEN_LEFT},
		{KEY_RIGHT, SCREEN_RIGHT},
		{KEY_PPAGE, SCREEN_PAGE_UP},
		{KEY_NPAGE, SCREEN_PAGE_DOWN},
		{KEY_HOME, SCREEN_HOME},
		{KEY_END, SCREEN_END},
		{KEY_ENTER, SCREEN_ENTER},
		{KEY_BTAB, SCREEN_BACK_TAB},
		{KEY_BACKSPACE, SCREEN_BACKSPACE},
		{KEY_RESIZE, SCREEN_RESIZE},
	};

	if (key == KEY_MOUSE)
		return read_mouse();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].from == key)
			return keys[i].to;
	return SCREEN_NONE;
}

int screen_read_key(void)
{
	wint_t key;

	switch (get_wch(&key)) {
	case KEY_CODE_YES:
		return translate(key);
	case OK:
		break;
	default:
		return SCREEN_NONE;
	}
	switch (key) {
	case '\r':
	case '\n':
		return SCREEN_ENTER;
	case '\033':
		return SCREEN_ESCAPE;
	case '\t':
		return SCREEN_TAB;
	case 127:
	case '\b':
		return SCREEN_BACKSPACE;
	default:
		return (int)key;
	}
}

int screen_click_row(void)
{
	return click_row;
}
