//! The three ways to run the game: in a window, into an image, or with assets alone.
//!
//! One binary for all: which plugins run is decided at the start, so that nothing is built twice.

use std::time::Duration;
use std::{env, fmt};

use bevy::app::ScheduleRunnerPlugin;
use bevy::image::{CompressedImageFormats, ImageLoader, TextureAtlasPlugin};
use bevy::input::InputPlugin;
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::window::{ExitCondition, WindowResolution};
use bevy::winit::WinitPlugin;

use crate::view::VIEW;

/// How the game runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loads and reloads assets, draws nothing: needs neither display nor GPU driver.
    Assets,
    /// Draws into an image of 960x540 pixels, with no display: for screenshots, on a software driver too.
    Offscreen,
    /// A game in its window.
    Window,
}

/// The command line asks for something else; the text says which modes there are.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownMode(String);

impl fmt::Display for UnknownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "There is no mode {:?}: use --mode assets, --mode offscreen or --mode window.",
            self.0
        )
    }
}

impl Mode {
    /// The mode that the command line asks for, else a window.
    pub fn asked() -> Result<Self, UnknownMode> {
        Self::parse(env::args().skip(1))
    }

    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, UnknownMode> {
        let name = match arguments.next().as_deref() {
            Some("--mode") => arguments.next().unwrap_or_default(),
            Some(other) => return Err(UnknownMode(other.to_string())),
            None => return Ok(Self::Window),
        };
        match name.as_str() {
            "assets" => Ok(Self::Assets),
            "offscreen" => Ok(Self::Offscreen),
            "window" => Ok(Self::Window),
            _ => Err(UnknownMode(name)),
        }
    }
}

impl Plugin for Mode {
    fn build(&self, app: &mut App) {
        match self {
            Self::Assets => assets_alone(app),
            Self::Offscreen => offscreen(app),
            Self::Window => window(app),
        }
    }
}

fn assets_alone(app: &mut App) {
    app.add_plugins((
        MinimalPlugins.set(at_60_hz()),
        LogPlugin::default(),
        TransformPlugin,
        InputPlugin,
        AssetPlugin::default(),
        ImagePlugin::default_nearest(),
        TextureAtlasPlugin,
    ))
    // ImagePlugin only announces this loader; the renderer adds it. Without one, every PNG would wait for ever.
    .register_asset_loader(ImageLoader::new(CompressedImageFormats::NONE));
}

fn offscreen(app: &mut App) {
    let no_window = WindowPlugin {
        primary_window: None,
        exit_condition: ExitCondition::DontExit,
        ..default()
    };
    app.add_plugins((
        DefaultPlugins
            .set(ImagePlugin::default_nearest())
            .set(no_window)
            .disable::<WinitPlugin>(), // it would look for a display, and runs the app: ScheduleRunnerPlugin does instead
        at_60_hz(),
    ));
}

fn window(app: &mut App) {
    // One logical pixel is one screen pixel, also on a high-density display: pixel art keeps whole pixels.
    let window = Window {
        title: "DGX-Pixels".into(),
        resolution: WindowResolution::new(VIEW.x, VIEW.y).with_scale_factor_override(1.0),
        ..default()
    };
    app.add_plugins(
        DefaultPlugins
            // Nearest sampling: Bevy's default is linear, which blurs pixel art.
            .set(ImagePlugin::default_nearest())
            .set(WindowPlugin {
                primary_window: Some(window),
                ..default()
            }),
    );
}

fn at_60_hz() -> ScheduleRunnerPlugin {
    // The default runs as fast as it can, and keeps a core busy.
    ScheduleRunnerPlugin::run_loop(Duration::from_millis(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Mode, UnknownMode> {
        Mode::parse(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn a_game_runs_in_a_window_unless_told_otherwise() {
        assert_eq!(parsed(&[]), Ok(Mode::Window));
        assert_eq!(parsed(&["--mode", "assets"]), Ok(Mode::Assets));
    }

    #[test]
    fn an_unknown_mode_is_refused_with_those_there_are() {
        for arguments in [&["--mode", "film"][..], &["--mode"], &["film"]] {
            assert!(parsed(arguments).unwrap_err().to_string().contains("--mode offscreen"));
        }
    }
}
